//! Mutants that cargo-mutants does not make: it leaves arguments of macros alone,
//! and with them every `require!`; it does not move a bound by one, take one
//! statement out, or loosen what an account must be.

use std::ops::Range;

use anyhow::{Context, Result};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, BinOp, Block, Expr, ExprBinary, ExprIf, ExprLit, ExprMethodCall, ExprRepeat,
    ExprUnary, Field, ImplItemFn, Item, ItemConst, ItemEnum, ItemFn, ItemImpl, ItemMod, ItemStruct,
    Lit, Macro, Meta, ReturnType, Stmt, Token, Type, UnOp,
};

/// A bug on purpose, for the fuzzer, is no part of the program: taking it out changes
/// nothing.
const PLANTED: &str = "planted!(";

/// One change to one place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    /// Bytes of the file that go.
    pub(crate) range: Range<usize>,
    /// What comes instead.
    pub(crate) replacement: String,
    /// What is changed, in words.
    pub(crate) change: String,
    /// The item it is in.
    pub(crate) function: String,
}

/// Every mutant of a file, in its order.
pub(crate) fn edits(source: &str) -> Result<Vec<Edit>> {
    let file = syn::parse_file(source).context("not Rust")?;
    let mut finder = Finder {
        source,
        context: Vec::new(),
        in_check: false,
        in_accounts: false,
        edits: Vec::new(),
    };
    finder.visit_file(&file);
    finder.edits.sort_by_key(|edit| edit.range.start);
    Ok(finder.edits)
}

struct Finder<'a> {
    source: &'a str,
    context: Vec<String>,
    /// Inside the condition of a `require!`, which cargo-mutants does not see.
    in_check: bool,
    /// Inside a struct of an instruction's accounts.
    in_accounts: bool,
    edits: Vec<Edit>,
}

impl Finder<'_> {
    fn add(&mut self, range: Range<usize>, replacement: impl Into<String>, change: String) {
        if change.starts_with("leave out") && change.contains(PLANTED) {
            return;
        }
        self.edits.push(Edit {
            range,
            replacement: replacement.into(),
            change,
            function: self.context.join("::"),
        });
    }

    fn replace(&mut self, range: Range<usize>, replacement: &str) {
        let change = format!("replace {} with {replacement}", self.text(&range));
        self.add(range, replacement, change);
    }

    fn text(&self, range: &Range<usize>) -> String {
        self.source
            .get(range.clone())
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn inside(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        self.context.push(name);
        visit(self);
        self.context.pop();
    }

    /// Statements that do something, one at a time.
    fn statements(&mut self, block: &Block) {
        for (place, statement) in block.stmts.iter().enumerate() {
            let last = place + 1 == block.stmts.len();
            let deletable = match statement {
                Stmt::Expr(expr, semicolon) => match expr {
                    Expr::If(branch) => {
                        let condition = self.text(&branch.cond.span().byte_range());
                        branch.else_branch.is_none() && !condition.starts_with(PLANTED)
                    }
                    Expr::ForLoop(_) | Expr::While(_) => true,
                    Expr::Assign(_)
                    | Expr::Binary(_)
                    | Expr::Break(_)
                    | Expr::Call(_)
                    | Expr::Continue(_)
                    | Expr::Match(_)
                    | Expr::MethodCall(_)
                    | Expr::Try(_) => semicolon.is_some(),
                    _ => false,
                },
                Stmt::Macro(call) => call.semi_token.is_some() || !last,
                _ => false,
            };
            if deletable {
                self.add(
                    statement.span().byte_range(),
                    "",
                    "delete statement".to_owned(),
                );
            }
        }
    }

    /// A last call whose `Result<()>` a function returns: it may check, too.
    fn last_check(&mut self, output: &ReturnType, block: &Block) {
        let ReturnType::Type(_, output) = output else {
            return;
        };
        if self.text(&output.span().byte_range()) != "Result<()>" || block.stmts.len() < 2 {
            return;
        }
        if let Some(Stmt::Expr(call @ (Expr::Call(_) | Expr::MethodCall(_)), None)) =
            block.stmts.last()
        {
            let range = call.span().byte_range();
            if self.text(&range) != "Ok(())" {
                self.add(range, "Ok(())", "replace last call with Ok(())".to_owned());
            }
        }
    }

    /// The condition of `require!(condition, error)`.
    fn check(&mut self, call: &Macro) {
        let is_check = (call.path.segments.last())
            .is_some_and(|name| name.ident.to_string().starts_with("require"));
        if !is_check {
            return;
        }
        let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(arguments) = arguments.parse2(call.tokens.clone())
            && let Some(condition) = arguments.first()
        {
            let before = std::mem::replace(&mut self.in_check, true);
            self.visit_expr(condition);
            self.in_check = before;
        }
    }

    /// `#[account(...)]` with each constraint left out. `seeds` and `bump` only mean
    /// something together.
    fn constraints(&mut self, attribute: &Attribute) {
        let Meta::List(list) = &attribute.meta else {
            return;
        };
        if !attribute.path().is_ident("account") {
            return;
        }
        let mut constraints: Vec<(String, Range<usize>)> = Vec::new();
        let mut begun = false;
        for token in list.tokens.clone() {
            if token.to_string() == "," {
                begun = false;
                continue;
            }
            let range = token.span().byte_range();
            match constraints.last_mut() {
                Some((_, whole)) if begun => whole.end = range.end,
                _ => constraints.push((token.to_string(), range)),
            }
            begun = true;
        }
        let of_address = |key: &str| key == "seeds" || key == "bump";
        let mut address_seen = false;
        for (place, (key, range)) in constraints.iter().enumerate() {
            if of_address(key) && std::mem::replace(&mut address_seen, true) {
                continue;
            }
            let kept: Vec<&str> = (constraints.iter().enumerate())
                .filter(|(other, (other_key, _))| {
                    *other != place && !(of_address(key) && of_address(other_key))
                })
                .filter_map(|(_, (_, range))| self.source.get(range.clone()))
                .collect();
            let replacement = if kept.is_empty() {
                String::new()
            } else {
                format!("#[account({})]", kept.join(", "))
            };
            let change = format!("delete constraint {}", self.text(range));
            self.add(attribute.span().byte_range(), replacement, change);
        }
    }

    /// Types that check an account, replaced by the one that does not.
    fn account_type(&mut self, checked: &Type) {
        let Type::Path(path) = checked else { return };
        let Some(last) = path.path.segments.last() else {
            return;
        };
        if last.ident == "Signer" || last.ident == "Program" {
            self.replace(checked.span().byte_range(), "UncheckedAccount");
        } else if let syn::PathArguments::AngleBracketed(arguments) = &last.arguments {
            for argument in &arguments.args {
                if let syn::GenericArgument::Type(inner) = argument {
                    self.account_type(inner);
                }
            }
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || matches!(&attribute.meta, Meta::List(list)
                if list.path.is_ident("cfg")
                    && (list.tokens.to_string() == "test"
                        || list.tokens.to_string().contains("idl-build")))
    })
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.inside(item.ident.to_string(), |this| {
            visit::visit_item_mod(this, item);
        });
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let name = self.text(&item.self_ty.span().byte_range());
        self.inside(name, |this| visit::visit_item_impl(this, item));
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.inside(item.sig.ident.to_string(), |this| {
            this.last_check(&item.sig.output, &item.block);
            visit::visit_item_fn(this, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if is_test(&item.attrs) {
            return;
        }
        self.inside(item.sig.ident.to_string(), |this| {
            this.last_check(&item.sig.output, &item.block);
            visit::visit_impl_item_fn(this, item);
        });
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        // Assertions at compile time have no name.
        if item.ident != "_" {
            self.inside(item.ident.to_string(), |this| this.visit_expr(&item.expr));
        }
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.in_accounts = item.attrs.iter().any(|attribute| {
            matches!(&attribute.meta, Meta::List(list)
                if list.path.is_ident("derive") && list.tokens.to_string().contains("Accounts"))
        });
        self.inside(item.ident.to_string(), |this| {
            visit::visit_item_struct(this, item);
        });
        self.in_accounts = false;
    }

    fn visit_field(&mut self, field: &'ast Field) {
        if self.in_accounts {
            let name = field.ident.as_ref().map(ToString::to_string);
            self.inside(name.unwrap_or_default(), |this| {
                field
                    .attrs
                    .iter()
                    .for_each(|attribute| this.constraints(attribute));
                this.account_type(&field.ty);
            });
        }
    }

    // A length in a type is checked by the compiler, numbers of errors by the IDL, and
    // an attribute is no code.
    fn visit_item_enum(&mut self, _: &'ast ItemEnum) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_block(&mut self, block: &'ast Block) {
        self.statements(block);
        visit::visit_block(self, block);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.check(call);
    }

    fn visit_expr_if(&mut self, branch: &'ast ExprIf) {
        let condition = self.text(&branch.cond.span().byte_range());
        if !condition.starts_with(PLANTED) {
            visit::visit_expr_if(self, branch);
        } else if let Some((_, otherwise)) = &branch.else_branch {
            self.visit_expr(otherwise);
        }
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        let op = binary.op.span().byte_range();
        let others: &[&str] = match (&binary.op, self.in_check) {
            (BinOp::Lt(_), false) => &["<="],
            (BinOp::Le(_), false) => &["<"],
            (BinOp::Gt(_), false) => &[">="],
            (BinOp::Ge(_), false) => &[">"],
            (BinOp::Lt(_), true) => &["<=", ">="],
            (BinOp::Le(_), true) => &["<", ">"],
            (BinOp::Gt(_), true) => &[">=", "<="],
            (BinOp::Ge(_), true) => &[">", "<"],
            (BinOp::Eq(_), true) => &["!="],
            (BinOp::Ne(_), true) => &["=="],
            (BinOp::And(_), true) => &["||"],
            (BinOp::Or(_), true) => &["&&"],
            (BinOp::Add(_), true) => &["-"],
            (BinOp::Sub(_), true) => &["+"],
            (BinOp::BitAnd(_), true) => &["|"],
            _ => &[],
        };
        for other in others {
            self.replace(op.clone(), other);
        }
        // Each operand of a chain left out once.
        if matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) {
            let (left, right) = (binary.left.span(), binary.right.span());
            let whole = left.byte_range().start..right.byte_range().end;
            let chained = |expr: &Expr| {
                matches!(expr, Expr::Binary(inner)
                    if std::mem::discriminant(&inner.op) == std::mem::discriminant(&binary.op))
            };
            for (gone, kept, is_chain) in [
                (left, right, chained(&binary.left)),
                (right, left, chained(&binary.right)),
            ] {
                if !is_chain {
                    let kept = kept.byte_range();
                    let kept = self.source.get(kept).unwrap_or_default().to_owned();
                    let change = format!("leave out {}", self.text(&gone.byte_range()));
                    self.add(whole.clone(), kept, change);
                }
            }
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast ExprUnary) {
        if self.in_check && matches!(unary.op, UnOp::Not(_)) {
            self.add(unary.op.span().byte_range(), "", "delete !".to_owned());
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let other = match call.method.to_string().as_str() {
            "checked_add" => "checked_sub",
            "checked_sub" => "checked_add",
            "checked_mul" => "checked_add",
            "saturating_add" => "saturating_sub",
            "saturating_sub" => "saturating_add",
            "saturating_mul" => "saturating_add",
            "wrapping_add" => "wrapping_sub",
            "wrapping_sub" => "wrapping_add",
            "min" => "max",
            "max" => "min",
            "any" => "all",
            "all" => "any",
            "is_some" => "is_none",
            "is_none" => "is_some",
            "is_some_and" => "is_none_or",
            "is_none_or" => "is_some_and",
            _ => "",
        };
        if !other.is_empty() {
            self.replace(call.method.span().byte_range(), other);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_lit(&mut self, literal: &'ast ExprLit) {
        let range = literal.span().byte_range();
        match &literal.lit {
            Lit::Int(number) => {
                if let Ok(value) = number.base10_parse::<u128>() {
                    let next = format!("{}{}", value.saturating_add(1), number.suffix());
                    self.replace(range, &next);
                }
            }
            Lit::Bool(value) => self.replace(range, if value.value { "false" } else { "true" }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::edits;

    /// Each mutant's words, and the whole text that it makes.
    fn mutants(source: &str) -> Vec<(String, String)> {
        let edits = edits(source).expect("Rust");
        let apply = |edit: super::Edit| {
            let mut text = source.to_owned();
            text.replace_range(edit.range, &edit.replacement);
            (format!("{}: {}", edit.function, edit.change), text)
        };
        edits.into_iter().map(apply).collect()
    }

    #[test]
    fn a_check_is_taken_out_and_its_condition_turned() {
        // Given a check
        let found = mutants("fn f() -> Result<()> { require!(a <= b, E::X); Ok(()) }");

        // Then it is deleted once, and each other comparison takes its place
        let expected = [
            ("f: delete statement", "fn f() -> Result<()> {  Ok(()) }"),
            (
                "f: replace <= with <",
                "fn f() -> Result<()> { require!(a < b, E::X); Ok(()) }",
            ),
            (
                "f: replace <= with >",
                "fn f() -> Result<()> { require!(a > b, E::X); Ok(()) }",
            ),
        ];
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_operand_of_a_chain_is_left_out() {
        let found = mutants("fn f() -> bool { a && !b && c }");
        let texts: Vec<&str> = found.iter().map(|(_, text)| &**text).collect();
        assert_eq!(
            texts,
            [
                "fn f() -> bool { a && !b }",
                "fn f() -> bool { !b && c }",
                "fn f() -> bool { a && c }",
            ]
        );
    }

    #[test]
    fn an_account_loses_one_constraint_at_a_time_and_its_type() {
        let found = mutants(
            "#[derive(Accounts)] struct A {\n#[account(mut, seeds = [a, b], bump)] x: Signer }",
        );
        let texts: Vec<&str> = (found.iter())
            .map(|(_, text)| text.split_once('\n').map_or("", |(_, field)| field))
            .collect();
        assert_eq!(
            texts,
            [
                "#[account(seeds = [a, b], bump)] x: Signer }",
                "#[account(mut)] x: Signer }",
                "#[account(mut, seeds = [a, b], bump)] x: UncheckedAccount }",
            ]
        );
    }

    #[test]
    fn tests_types_and_assertions_of_the_compiler_are_left_alone() {
        let found = mutants(
            "#[cfg(test)] mod tests { fn f() { g(); } }
             const _: () = assert!(N == 3);
             fn f(x: [u8; 3]) -> [u8; 4] { [x; 5] }",
        );
        assert_eq!(found, []);
    }

    #[test]
    fn bugs_on_purpose_are_left_alone() {
        let found =
            mutants("fn f() { if planted!(\"a\") { g(); } require!(x || planted!(\"b\"), E::X); }");
        let words: Vec<&str> = found.iter().map(|(words, _)| &**words).collect();
        assert_eq!(
            words,
            [
                "f: delete statement",
                "f: leave out x",
                "f: replace || with &&"
            ]
        );
    }

    #[test]
    fn numbers_methods_and_last_calls_are_changed() {
        let found = mutants(
            "impl A { fn f(&self) -> Result<()> { let x = y.min(1_000u64); self.check(x) } }",
        );
        let words: Vec<&str> = found.iter().map(|(words, _)| &**words).collect();
        assert_eq!(
            words,
            [
                "A::f: replace min with max",
                "A::f: replace 1_000u64 with 1001u64",
                "A::f: replace last call with Ok(())",
            ]
        );
    }
}
