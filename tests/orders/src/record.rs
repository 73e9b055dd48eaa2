//! Records a chain: wallets do most of what the program offers, and write down what
//! each transaction did. Their notes follow from the terms of the campaigns and from nothing
//! that the product computes.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
};
use vouch_client::{
    Code, PROGRAM_ID,
    accounts::{
        AccountType as _, Campaign, Conversion as Account, Proof, Referral, Settings, Terms,
        Uniqueness,
    },
    instructions::{self, Convert, CreateCampaign, CreateReferral, Offer, Purchase},
    pda, token,
};
use vouch_product_tests::{REWARD, SOL};
use vouch_rules::reward::Share;

use crate::{
    ledger::{Landed, Ledger},
    recording::{Conversion, Effect, Recorded, Recording},
};

/// Seconds of the hold of the second campaign.
const HOLD: u32 = 25;
/// Seconds of a hold that is not over at the end.
const LONG_HOLD: u32 = 86_400;
/// The whole reward of the second campaign; the referee gets a fifth, the partner a tenth.
const SPLIT: u64 = 1_000_000;
/// Bytes of a mint.
const MINT_SIZE: usize = 82;
/// Parts of a reward that the referrer alone gets.
const NOBODY: [u64; 3] = [REWARD, 0, 0];

/// Plays the story on this chain, and records it.
///
/// # Errors
/// When the chain does not answer, or has paid otherwise than the wallets know.
pub(crate) async fn record(chain: impl Ledger) -> Result<Recording> {
    let company = Keypair::new();
    chain.fund(&company.pubkey()).await?;
    let mut recorder = Recorder {
        chain,
        company,
        journal: BTreeMap::new(),
    };
    recorder.play().await?;
    recorder.finish().await
}

/// A campaign, and what the wallets know of it.
struct Programme {
    address: Pubkey,
    opened: Campaign,
    hold: i64,
}

/// A code and its owner.
struct Owned {
    code: Code,
    owner: Keypair,
    partner: Option<Pubkey>,
}

/// A conversion that was made.
struct Made {
    address: Pubkey,
    referee: Keypair,
    effect: Conversion,
}

struct Recorder<L> {
    chain: L,
    /// Pays everything, and is every campaign's authority.
    company: Keypair,
    journal: BTreeMap<String, Vec<Effect>>,
}

fn referral(campaign: &Pubkey, code: &Code) -> String {
    pda::referral(campaign, code).to_string()
}

impl<L: Ledger> Recorder<L> {
    fn note(&mut self, signature: Signature, effects: Vec<Effect>) {
        self.journal.insert(signature.to_string(), effects);
    }

    /// Sends a transaction, and notes what it did.
    async fn act(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
        effects: Vec<Effect>,
    ) {
        let signature = self.send(instructions, signers).await;
        self.note(signature, effects);
    }

    /// Sends a transaction that the company pays, and that has to succeed.
    async fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Signature {
        let (signature, succeeded) = self.land(instructions, signers).await;
        assert!(succeeded, "{signature} failed");
        signature
    }

    async fn land(&self, instructions: &[Instruction], signers: &[&Keypair]) -> (Signature, bool) {
        let mut all = vec![&self.company];
        all.extend(signers);
        self.chain
            .land(instructions, &all)
            .await
            .expect("an answer")
    }

    async fn recorded(&self, conversion: &Pubkey) -> Account {
        let data = self
            .chain
            .account(conversion)
            .await
            .expect("the conversion");
        Account::decode(&data).expect("a conversion")
    }

    #[expect(clippy::too_many_lines, reason = "a story is told in one piece")]
    async fn play(&mut self) -> Result<()> {
        let first = self
            .open(1, Terms::default(), Settings::fixed(REWARD))
            .await;
        let alice = self.register(&first, "AZURE234", None).await;
        // Sign-ups that are paid at once, several in a block, with two codes.
        let bob = self.register(&first, "BRAVE234", None).await;
        for _ in 0..3 {
            self.sign_up_many(&first, &[&alice, &bob, &alice, &alice], NOBODY, true)
                .await;
        }
        // Attempts that fail, and mentions that do nothing.
        let made = self.sign_up(&first, &alice, NOBODY, true).await;
        let again = self.conversion(&first, &alice, &made.referee);
        self.fail(&[again], &[&made.referee]).await?;
        self.mention().await;

        // Sign-ups that are held, with a part for the referee and one for a partner.
        let held = Settings {
            hold_seconds: HOLD,
            referee_share_bps: 2000,
            max_partner_share_bps: 5000,
            ..Settings::fixed(SPLIT)
        };
        let second = self.open(2, Terms::default(), held).await;
        let partner = Keypair::new();
        let carol = self.register(&second, "CARBN234", Some(&partner)).await;
        let dave = self.register(&second, "DRAFT234", None).await;
        let parts = |with_partner: bool| match with_partner {
            true => [SPLIT * 7 / 10, SPLIT / 5, SPLIT / 10],
            false => [SPLIT * 8 / 10, SPLIT / 5, 0],
        };
        let mut waiting = self
            .sign_up_many(&second, &[&carol, &carol, &carol], parts(true), false)
            .await;
        waiting.extend(
            self.sign_up_many(&second, &[&dave, &dave], parts(false), false)
                .await,
        );
        // Two of them are cancelled.
        for place in [4, 1] {
            let made = waiting.remove(place);
            let owned = if place == 4 { &dave } else { &carol };
            let recorded = self.recorded(&made.address).await;
            let cancel = self.offer(&second, owned, |offer| {
                instructions::cancel_conversion(offer, &made.address, &recorded)
            });
            let cancelled = Effect::Cancelled {
                conversion: made.address.to_string(),
            };
            self.act(&[cancel], &[], vec![cancelled]).await;
        }

        // Purchases for SOL, a tenth of which is minted to the referrer.
        let sale = Terms {
            proof: Proof::Payment,
            uniqueness: Uniqueness::Order,
            ..Terms::default()
        };
        let treasury = Keypair::new().pubkey();
        let percent = Settings {
            treasury,
            ..Settings::percent(1000, 1_000_000_000_000)
        };
        let third = self.open(3, sale, percent).await;
        let erin = self.register(&third, "EARTH234", None).await;
        let buyer = Keypair::new();
        let funding = solana_system_interface::instruction::transfer(
            &self.company.pubkey(),
            &buyer.pubkey(),
            50 * SOL,
        );
        self.send(&[funding], &[]).await;
        for order in 1..=6 {
            self.buy(&third, &erin, &buyer, order * 1_000_000_007, order as u8)
                .await;
        }

        // A pause, a suspension, other settings; attempts in between fail.
        let company = self.company.insecure_clone();
        let pause = |paused| instructions::set_paused(&company.pubkey(), &first.address, paused);
        self.act(&[pause(true)], &[], vec![]).await;
        let stranger = Keypair::new();
        let refused = self.conversion(&first, &alice, &stranger);
        self.fail(&[refused], &[&stranger]).await?;
        self.act(&[pause(false)], &[], vec![]).await;
        let bobs = pda::referral(&first.address, &bob.code);
        for suspended in [true, false, true] {
            let suspend =
                instructions::set_suspended(&company.pubkey(), &first.address, &bobs, suspended);
            let referral = bobs.to_string();
            self.act(
                &[suspend],
                &[],
                vec![Effect::Suspended {
                    referral,
                    suspended,
                }],
            )
            .await;
            if suspended {
                let refused = self.conversion(&first, &bob, &stranger);
                self.fail(&[refused], &[&stranger]).await?;
            }
        }
        let doubled = Settings::fixed(2 * REWARD);
        let update = instructions::update_campaign(&company.pubkey(), &first.address, &doubled);
        self.act(&[update], &[], vec![]).await;
        self.sign_up_many(&first, &[&alice, &alice, &alice], [2 * REWARD, 0, 0], true)
            .await;

        // Alice gives her code away, and it earns for somebody else.
        let alices = pda::referral(&first.address, &alice.code);
        let frank = Keypair::new();
        let propose =
            instructions::propose_owner(&alice.owner.pubkey(), &alices, Some(&frank.pubkey()));
        self.act(&[propose], &[&alice.owner], vec![]).await;
        let accept = [
            instructions::accept_owner(&frank.pubkey(), &first.address, &alices, false),
            token::create_associated_token(
                &company.pubkey(),
                &frank.pubkey(),
                &first.opened.mint,
                &token::TOKEN_PROGRAM_ID,
            ),
        ];
        let changed = Effect::OwnerChanged {
            referral: alices.to_string(),
            owner: frank.pubkey().to_string(),
        };
        self.act(&accept, &[&frank], vec![changed]).await;
        let franks = Owned {
            code: alice.code,
            owner: frank,
            partner: None,
        };
        self.sign_up_many(&first, &[&franks, &franks], [2 * REWARD, 0, 0], true)
            .await;

        // When the holds are over, the waiting ones are claimed: those of the referees only later,
        // because they have no token accounts yet.
        self.chain.pass(HOLD.into()).await;
        self.until_time(&waiting).await;
        for made in &waiting {
            let owned = if made.effect.partner.is_some() {
                &carol
            } else {
                &dave
            };
            self.claim(&second, owned, made, &[0, 2]).await;
        }
        for made in waiting.iter().take(2) {
            let owned = if made.effect.partner.is_some() {
                &carol
            } else {
                &dave
            };
            let account = token::create_associated_token(
                &company.pubkey(),
                &made.referee.pubkey(),
                &second.opened.mint,
                &token::TOKEN_PROGRAM_ID,
            );
            self.send(&[account], &[]).await;
            self.claim(&second, owned, made, &[1]).await;
        }
        // Two that are still held at the end.
        let longer = Settings {
            hold_seconds: LONG_HOLD,
            ..held
        };
        let update = instructions::update_campaign(&company.pubkey(), &second.address, &longer);
        self.act(&[update], &[], vec![]).await;
        let later = Programme {
            hold: LONG_HOLD.into(),
            ..second
        };
        self.sign_up_many(&later, &[&dave, &carol], [0; 3], false)
            .await;

        // Codes and a campaign are closed.
        let close = instructions::close_referral(
            &erin.owner.pubkey(),
            &pda::referral(&third.address, &erin.code),
            &company.pubkey(),
        );
        let closed = Effect::CodeClosed {
            referral: referral(&third.address, &erin.code),
        };
        self.act(&[close], &[&erin.owner], vec![closed]).await;
        let close = instructions::close_campaign(&company.pubkey(), &third.address);
        self.act(&[close], &[], vec![]).await;
        self.sign_up_many(
            &first,
            &[&franks, &franks, &franks],
            [2 * REWARD, 0, 0],
            true,
        )
        .await;
        let close = instructions::close_referral(&bob.owner.pubkey(), &bobs, &company.pubkey());
        self.act(
            &[close],
            &[&bob.owner],
            vec![Effect::CodeClosed {
                referral: bobs.to_string(),
            }],
        )
        .await;
        Ok(())
    }

    async fn open(&mut self, id: u64, terms: Terms, settings: Settings) -> Programme {
        let company = self.company.pubkey();
        let (address, _) = pda::campaign(&company, id);
        let mint = Keypair::new();
        let rent = solana_sdk::rent::Rent::default().minimum_balance(MINT_SIZE);
        let [create, initialise] = token::create_mint(&company, &mint.pubkey(), &company, 6, rent);
        let open = [
            create,
            initialise,
            token::set_mint_authority(&mint.pubkey(), &company, &address),
            instructions::create_campaign(&CreateCampaign {
                payer: company,
                authority: company,
                id,
                mint: mint.pubkey(),
                payment_mint: Pubkey::default(),
                token_program: token::TOKEN_PROGRAM_ID,
                terms,
                settings,
            }),
        ];
        self.act(&open, &[&mint], vec![]).await;
        let data = self.chain.account(&address).await.expect("the campaign");
        Programme {
            address,
            opened: Campaign::decode(&data).expect("a campaign"),
            hold: settings.hold_seconds.into(),
        }
    }

    async fn register(
        &mut self,
        programme: &Programme,
        code: &str,
        partner: Option<&Keypair>,
    ) -> Owned {
        let company = self.company.pubkey();
        let code: Code = code.parse().expect("a code");
        let owner = Keypair::new();
        let account = |owner: &Pubkey| {
            token::create_associated_token(
                &company,
                owner,
                &programme.opened.mint,
                &token::TOKEN_PROGRAM_ID,
            )
        };
        let create = CreateReferral::new(&company, &owner.pubkey(), &programme.address, &code);
        let mut all = vec![
            instructions::create_referral(&create),
            account(&owner.pubkey()),
        ];
        let mut signers = vec![&owner];
        if let Some(partner) = partner {
            all.push(account(&partner.pubkey()));
            all.push(instructions::set_partner(
                &owner.pubkey(),
                &partner.pubkey(),
                &programme.address,
                &pda::referral(&programme.address, &code),
                Share {
                    bps: 1000,
                    fixed: 0,
                },
            ));
            signers.push(partner);
        }
        let created = Effect::CodeCreated {
            referral: referral(&programme.address, &code),
            campaign: programme.address.to_string(),
            code: code.to_string(),
            owner: owner.pubkey().to_string(),
        };
        self.act(&all, &signers, vec![created]).await;
        let partner = partner.map(|partner| partner.pubkey());
        Owned {
            code,
            owner,
            partner,
        }
    }

    fn offer(
        &self,
        programme: &Programme,
        owned: &Owned,
        build: impl FnOnce(&Offer<'_>) -> Instruction,
    ) -> Instruction {
        let mut registered = Referral::registered(
            &programme.address,
            &programme.opened,
            &owned.code,
            &owned.owner.pubkey(),
        );
        if let Some(partner) = owned.partner {
            registered.partner = partner;
            registered.partner_share_bps = 1000;
        }
        let now = programme.opened.created_at;
        build(&Offer::at(programme.address, &programme.opened, &registered, now).expect("a code"))
    }

    fn conversion(&self, programme: &Programme, owned: &Owned, referee: &Keypair) -> Instruction {
        let args = Convert {
            payer: self.company.pubkey(),
            amount: 7,
            ..Convert::signup(&referee.pubkey())
        };
        self.offer(programme, owned, |offer| {
            instructions::convert(offer, &args)
        })
    }

    async fn sign_up(
        &mut self,
        programme: &Programme,
        owned: &Owned,
        rewards: [u64; 3],
        paid: bool,
    ) -> Made {
        let mut made = self.sign_up_many(programme, &[owned], rewards, paid).await;
        made.pop().expect("one")
    }

    /// Sign-ups at the same time, so that several land in a block. Rewards of zero stand for those of
    /// the second campaign.
    async fn sign_up_many(
        &mut self,
        programme: &Programme,
        codes: &[&Owned],
        rewards: [u64; 3],
        paid: bool,
    ) -> Vec<Made> {
        let mut all = Vec::new();
        for owned in codes {
            let referee = Keypair::new();
            let rewards = match (rewards, owned.partner) {
                ([0, 0, 0], Some(_)) => [SPLIT * 7 / 10, SPLIT / 5, SPLIT / 10],
                ([0, 0, 0], None) => [SPLIT * 8 / 10, SPLIT / 5, 0],
                (rewards, _) => rewards,
            };
            let address = pda::conversion(&programme.address, &referee.pubkey().to_bytes());
            let effect = Conversion {
                address: address.to_string(),
                campaign: programme.address.to_string(),
                referral: referral(&programme.address, &owned.code),
                code: owned.code.to_string(),
                referrer: owned.owner.pubkey().to_string(),
                partner: owned.partner.map(|partner| partner.to_string()),
                referee: referee.pubkey().to_string(),
                action: "signup".into(),
                amount: 7,
                rewards,
                hold: programme.hold,
            };
            all.push((
                self.conversion(programme, owned, &referee),
                Made {
                    address,
                    referee,
                    effect,
                },
            ));
        }
        let sent = all.iter().map(async |(convert, made)| {
            self.send(std::slice::from_ref(convert), &[&made.referee])
                .await
        });
        let signatures = futures::future::join_all(sent).await;
        let mut made = Vec::new();
        for (signature, (_, one)) in signatures.into_iter().zip(all) {
            let mut effects = vec![Effect::Converted(one.effect.clone())];
            if paid {
                effects.push(Effect::Paid {
                    conversion: one.effect.address.clone(),
                    part: 0,
                    wallet: one.effect.referrer.clone(),
                    units: one.effect.rewards[0],
                });
            }
            self.note(signature, effects);
            made.push(one);
        }
        made
    }

    async fn buy(
        &mut self,
        programme: &Programme,
        owned: &Owned,
        buyer: &Keypair,
        amount: u64,
        order: u8,
    ) {
        let reference = [order; 32];
        let args = Purchase::new(&buyer.pubkey(), amount, reference);
        let mut address = Pubkey::default();
        let purchase = self.offer(programme, owned, |offer| {
            address = offer.conversion(&buyer.pubkey(), &reference);
            instructions::purchase(offer, &args)
        });
        let reward = amount / 10;
        let effect = Conversion {
            address: address.to_string(),
            campaign: programme.address.to_string(),
            referral: referral(&programme.address, &owned.code),
            code: owned.code.to_string(),
            referrer: owned.owner.pubkey().to_string(),
            partner: None,
            referee: buyer.pubkey().to_string(),
            action: "purchase".into(),
            amount,
            rewards: [reward, 0, 0],
            hold: 0,
        };
        let paid = Effect::Paid {
            conversion: effect.address.clone(),
            part: 0,
            wallet: effect.referrer.clone(),
            units: reward,
        };
        self.act(&[purchase], &[buyer], vec![Effect::Converted(effect), paid])
            .await;
    }

    /// Claims what can be paid: these parts.
    async fn claim(&mut self, programme: &Programme, owned: &Owned, made: &Made, parts: &[u8]) {
        let recorded: Account = self.recorded(&made.address).await;
        let claim = self.offer(programme, owned, |offer| {
            instructions::claim(offer, &made.address, &recorded)
        });
        let Conversion {
            address,
            referrer,
            referee,
            partner,
            rewards,
            ..
        } = &made.effect;
        let wallets = [Some(referrer), Some(referee), partner.as_ref()];
        let paid = parts.iter().filter_map(|part| {
            let place = usize::from(*part);
            let wallet = wallets[place]?;
            (rewards[place] > 0).then(|| Effect::Paid {
                conversion: address.clone(),
                part: *part,
                wallet: wallet.clone(),
                units: rewards[place],
            })
        });
        let effects = paid.collect();
        self.act(&[claim], &[], effects).await;
    }

    /// Sends a transaction that fails on the chain.
    async fn fail(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> Result<()> {
        let (signature, succeeded) = self.land(instructions, signers).await;
        ensure!(!succeeded, "{signature} should have failed");
        self.note(signature, vec![]);
        Ok(())
    }

    /// Names the program in a transaction that does not call it.
    async fn mention(&mut self) {
        let company = self.company.pubkey();
        let mut transfer = solana_system_interface::instruction::transfer(&company, &company, 1);
        transfer
            .accounts
            .push(AccountMeta::new_readonly(PROGRAM_ID, false));
        self.act(&[transfer], &[], vec![]).await;
    }

    /// Waits until the chain's clock has passed these holds.
    async fn until_time(&self, made: &[Made]) {
        let mut due = 0;
        for made in made {
            let recorded = self.recorded(&made.address).await;
            due = due.max(recorded.converted_at + i64::from(recorded.hold_seconds));
        }
        while self.chain.time().await.expect("a time") <= due {
            self.chain.pass(1).await;
        }
    }

    /// Reads everything back when it is final.
    async fn finish(self) -> Result<Recording> {
        let end = self.chain.end().await?;
        ensure!(
            end.transactions.len() == self.journal.len(),
            "the chain has {} of {} transactions",
            end.transactions.len(),
            self.journal.len()
        );
        let mut transactions = Vec::new();
        for Landed {
            signature,
            slot,
            block_time,
            mut answer,
        } in end.transactions
        {
            let effects = self
                .journal
                .get(&signature)
                .context("a stranger's transaction")?;
            // Nothing reads the logs.
            answer["meta"]["logMessages"] = serde_json::json!([]);
            transactions.push(Recorded {
                slot,
                block_time,
                answer,
                effects: effects.clone(),
                signature,
            });
        }
        self.check_payments(&transactions).await?;
        let accounts = end.accounts.iter();
        Ok(Recording {
            genesis_hash: end.genesis_hash,
            transactions,
            accounts: accounts
                .map(|(address, data)| (address.to_string(), BASE64_STANDARD.encode(data)))
                .collect(),
            end_slot: end.slot,
            end_time: end.time,
        })
    }

    /// Compares what wallets hold on the chain with what they know that they were paid.
    async fn check_payments(&self, transactions: &[Recorded]) -> Result<()> {
        let mut campaigns = BTreeMap::new();
        let mut expected: BTreeMap<(String, String), u64> = BTreeMap::new();
        for effect in transactions.iter().flat_map(|recorded| &recorded.effects) {
            match effect {
                Effect::Converted(made) => {
                    campaigns.insert(&made.address, &made.campaign);
                }
                Effect::Paid {
                    conversion,
                    wallet,
                    units,
                    ..
                } => {
                    let campaign = campaigns[conversion];
                    *expected
                        .entry((campaign.clone(), wallet.clone()))
                        .or_default() += units;
                }
                _ => {}
            }
        }
        for ((campaign, wallet), units) in expected {
            let data = self
                .chain
                .account(&campaign.parse()?)
                .await
                .context("a campaign")?;
            let mint = Campaign::decode(&data)?.mint;
            let (account, _) =
                pda::associated_token(&wallet.parse()?, &mint, &token::TOKEN_PROGRAM_ID);
            let data = self
                .chain
                .account(&account)
                .await
                .context("a token account")?;
            let holds = token::balance(&data).context("a token account")?;
            ensure!(
                holds == units,
                "{wallet} holds {holds}, and knows of {units}"
            );
        }
        Ok(())
    }
}
