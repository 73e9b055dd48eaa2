//! Failures: a stable code, a message, what to do, and the exit code of the process.

use std::borrow::Cow;

use serde_json::{Value, json};
use vouch_client::ProgramError;

/// Exit codes of the process. 0 is success; `docs/cli.md` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The chain, the program or the API refuses, or there is no such thing.
    Refused = 1,
    /// An option, an argument or a file is wrong. clap has the same number for its own errors.
    Usage = 2,
    /// The node or the API does not answer, or asks to come back later. Nothing was sent.
    Unavailable = 3,
    /// A transaction was sent, and nobody knows yet what became of it.
    Unknown = 4,
    /// Nobody agreed to what would have been signed.
    Declined = 5,
}

/// A command that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Stable, in snake case.
    pub(crate) code: Cow<'static, str>,
    /// Cause, for people: no capital, no full stop.
    pub(crate) message: String,
    /// The remedy: one sentence in the imperative.
    pub(crate) advice: String,
    pub(crate) exit: Exit,
    /// The transaction that it is about.
    pub(crate) signature: Option<String>,
}

/// The result of everything here.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    fn new(
        exit: Exit,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            advice: advice.into(),
            exit,
            signature: None,
        }
    }

    /// Wrong input.
    pub(crate) fn usage(
        code: &'static str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(Exit::Usage, code, message, advice)
    }

    /// A refusal.
    pub(crate) fn refused(
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(Exit::Refused, code, message, advice)
    }

    /// A node or an API that cannot be used now.
    pub(crate) fn unavailable(
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(Exit::Unavailable, code, message, advice)
    }

    /// A transaction whose outcome nobody knows.
    pub(crate) fn unknown(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Exit::Unknown, "outcome_unknown", message, advice)
    }

    /// Nobody agreed.
    pub(crate) fn declined(
        code: &'static str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(Exit::Declined, code, message, advice)
    }

    /// Names the transaction that this is about.
    pub(crate) fn about(mut self, signature: impl ToString) -> Self {
        self.signature = Some(signature.to_string());
        self
    }

    /// For `--json`.
    pub(crate) fn json(&self) -> Value {
        json!({ "error": {
            "code": self.code,
            "message": self.message,
            "advice": self.advice,
            "exit": self.exit as u8,
            "signature": self.signature,
        }})
    }
}

/// The program's errors have the words of `vouch_client`, as in the API.
impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        Self::refused(code_of(error), error.message(), error.advice())
    }
}

/// The code of a program's error: the API's, so that a script needs to know one list.
fn code_of(error: ProgramError) -> &'static str {
    match error {
        ProgramError::ReferralNotFound
        | ProgramError::WrongCampaign
        | ProgramError::CodeMismatch => "code_not_found",
        ProgramError::ReferralInactive => "code_inactive",
        ProgramError::ReferralExpired => "code_expired",
        other => other.snake_name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_error_has_the_code_and_the_words_of_the_api() {
        let failure = Failure::from(ProgramError::ReferralNotFound);
        assert_eq!(failure.code, "code_not_found");
        let failure = Failure::from(ProgramError::InsufficientVault);
        assert_eq!(
            failure.json(),
            json!({ "error": {
                "code": "insufficient_vault",
                "message": "the vault does not hold that much beyond what is owed",
                "advice": "withdraw less: what is owed stays in the vault",
                "exit": 1,
                "signature": null,
            }})
        );
    }
}
