//! Worlds in which an instruction succeeds. Each has neighbours: the same instruction for
//! other parties of the same campaign, and for other campaigns.

use litesvm::LiteSVM;
use solana_sdk::{
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    Share,
    accounts::{Action, Funding, Proof, Settings, Terms, Uniqueness},
    instructions::{self, Bind, Convert, CreateCampaign, CreateReferral, Evidence, Purchase},
    pda, token, voucher,
};
use vouch_program_tests::{REWARD, TOKEN_2022, World, code, signed, vouched_by};

/// The time at the start, in unix seconds.
const BEGIN: i64 = 1_800_000_000;
const HOLD: u32 = 100;
const WINDOW: u32 = 1_000;
const THIRTY_DAYS: i64 = 30 * 86_400;
/// The end of a campaign that has one, in unix seconds.
const END: i64 = BEGIN + 1_000;
/// Issuer and schema of the credentials for a campaign with a gate.
const ISSUER: Pubkey = Pubkey::new_from_array([0xA1; 32]);
const SCHEMA: Pubkey = Pubkey::new_from_array([0xA2; 32]);
/// Price of a purchase, in lamports or base units.
const PRICE: u64 = 1_000_000_000;
/// Base units in a vault at the start.
const FUND: u64 = 1_000 * REWARD;

/// A campaign and the wallets that run it.
pub(crate) struct Place {
    company: Keypair,
    mint: Keypair,
    /// Pays the rent of the campaign.
    sponsor: Keypair,
    attestor: Keypair,
    /// The wallet that the campaign is offered to.
    heir: Keypair,
    funder: Keypair,
    args: CreateCampaign,
    campaign: Pubkey,
}

/// A code and its wallets.
pub(crate) struct Party {
    code: String,
    owner: Keypair,
    referee: Keypair,
    partner: Keypair,
    /// Pays all rents.
    sponsor: Keypair,
    /// The wallet that the code is offered to.
    heir: Keypair,
    reference: [u8; 32],
}

/// Builds a world in which an instruction succeeds.
#[derive(Clone, Copy)]
struct Script {
    name: &'static str,
    terms: Terms,
    settings: fn(&mut Settings),
    paid_in_tokens: bool,
    /// Program of all tokens.
    token_program: Pubkey,
    /// Whether the campaign, and the code, exist beforehand.
    open: bool,
    code: bool,
    /// Whether owners of codes are registered, if the campaign counts per owner.
    registered: bool,
    /// Whether the code has a partner.
    partner: bool,
    prepare: fn(&mut World, &Place, &Party),
    finish: fn(&mut World, &Place),
    build: fn(&World, &Place, &Party) -> Vec<Instruction>,
}

/// A world in which the last of `steps` succeeds.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) svm: LiteSVM,
    /// The last one is attacked.
    pub(crate) steps: Vec<Instruction>,
    /// The same instruction for other parties of the same campaign.
    pub(crate) other_party: Instruction,
    /// The same instruction in other campaigns, each with a name.
    pub(crate) elsewhere: Vec<(&'static str, Instruction)>,
    /// Every wallet that can sign.
    pub(crate) keys: Vec<Keypair>,
    /// Pays the fees, and takes no part otherwise.
    pub(crate) relay: Pubkey,
    /// A wallet that takes no part.
    pub(crate) stranger: Pubkey,
    place: Place,
    party: Party,
}

impl Scene {
    /// The seeds and the bump of this account's address, and the program that derives it.
    pub(crate) fn seeds(&self, account: &str) -> Option<(Vec<Vec<u8>>, Pubkey)> {
        let (place, party) = (&self.place, &self.party);
        let of_program = |seeds: &[&[u8]]| {
            let seeds = seeds.iter().map(|seed| seed.to_vec()).collect();
            Some((seeds, vouch_client::PROGRAM_ID))
        };
        let associated = |owner: &Pubkey| {
            let parts = [*owner, place.args.token_program, place.args.mint];
            let seeds = parts.map(|part| part.to_bytes().to_vec()).to_vec();
            let program = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL";
            Some((seeds, program.parse().expect("an address")))
        };
        match account {
            "campaign" => of_program(&[
                b"campaign",
                place.company.pubkey().as_ref(),
                &place.args.id.to_le_bytes(),
            ]),
            "credential" => {
                let parts = [ISSUER, SCHEMA, party.referee.pubkey()];
                let mut seeds = vec![b"attestation".to_vec()];
                seeds.extend(parts.map(|part| part.to_bytes().to_vec()));
                Some((seeds, pda::ATTESTATION_SERVICE_ID))
            }
            _ if place.args.mint == Pubkey::default() => None,
            "vault" => associated(&place.campaign),
            "referrer_account" => associated(&party.owner.pubkey()),
            "referee_account" => associated(&party.referee.pubkey()),
            "partner_account" => associated(&party.partner.pubkey()),
            _ => None,
        }
    }

    /// The account that receives this wallet's rewards, with the bump of its address; the
    /// wallet itself if rewards are lamports.
    pub(crate) fn reward_account(&self, owner: &Pubkey) -> (Pubkey, u8) {
        let args = &self.place.args;
        if args.mint == Pubkey::default() {
            return (*owner, 0);
        }
        pda::associated_token(owner, &args.mint, &args.token_program)
    }

    /// The account that receives lamports that nobody claims; zero if rewards are tokens.
    pub(crate) fn sol_treasury(&self) -> Pubkey {
        let args = &self.place.args;
        let split = args.terms.funding == Funding::PaymentSplit;
        if split && args.mint == Pubkey::default() {
            args.settings.treasury
        } else {
            Pubkey::default()
        }
    }

    /// The campaign.
    pub(crate) fn campaign(&self) -> Pubkey {
        self.place.campaign
    }
}

/// Makes `place`'s campaign the world's campaign.
fn enter(world: &mut World, place: &Place) {
    world.company = place.company.insecure_clone();
    world.mint = place.mint.insecure_clone();
    world.campaign = place.campaign;
}

impl Script {
    /// Opens a campaign: with the company and the mint of `beside`, or with new ones.
    fn place(&self, world: &mut World, beside: Option<&Place>) -> Place {
        let [sponsor, attestor, heir, funder] = [(); 4].map(|()| world.wallet());
        let company = match beside {
            Some(place) => place.company.insecure_clone(),
            None => world.wallet(),
        };
        world.company = company.insecure_clone();
        let mut settings = if self.terms.funding == Funding::PaymentSplit {
            Settings::percent(1_000, PRICE)
        } else {
            Settings::fixed(REWARD)
        };
        settings.attestor = attestor.pubkey();
        if self.terms.proof == Proof::Payment && self.terms.funding != Funding::PaymentSplit {
            settings.min_amount = 1;
        }
        settings.referee_share_bps = 2_000;
        settings.max_partner_share_bps = 2_000;
        (self.settings)(&mut settings);
        let payment_mint = match beside {
            _ if !self.paid_in_tokens => Pubkey::default(),
            Some(place) => place.args.payment_mint,
            None => world.issue_mint(&company.pubkey()),
        };
        let mut args = world.opening(self.terms, settings, payment_mint);
        args.payer = sponsor.pubkey();
        if let Some(place) = beside {
            args.mint = place.args.mint;
            world.mint = place.mint.insecure_clone();
            world.open_vault(&args);
        }
        let campaign = pda::campaign(&args.authority, args.id).0;
        let place = Place {
            mint: world.mint.insecure_clone(),
            company,
            sponsor,
            attestor,
            heir,
            funder,
            args,
            campaign,
        };
        if !self.open {
            return place;
        }
        let create = instructions::create_campaign(&place.args);
        world
            .send(&[create], &[&place.sponsor, &place.company])
            .expect("a campaign");
        enter(world, &place);
        let found = world.campaign();
        if found.funding == Funding::Vault {
            world.fund_vault(FUND);
            world.issue(&place.funder.pubkey(), FUND);
        }
        place
    }

    /// Registers a code for new parties, with accounts for their rewards.
    fn party(&self, world: &mut World, place: &Place, number: u8) -> Party {
        enter(world, place);
        let [owner, referee, partner, sponsor, heir] = [(); 5].map(|()| world.wallet());
        let party = Party {
            code: format!("STARTER{number}"),
            owner,
            referee,
            partner,
            sponsor,
            heir,
            reference: [number; 32],
        };
        if !self.open {
            return party;
        }
        let campaign = world.campaign();
        if !campaign.rewards_are_sol() {
            for owner in [&party.owner, &party.referee, &party.partner, &party.heir] {
                let create = token::create_associated_token(
                    &party.sponsor.pubkey(),
                    &owner.pubkey(),
                    &campaign.mint,
                    &campaign.token_program,
                );
                world.send(&[create], &[&party.sponsor]).expect("accounts");
            }
        }
        if !campaign.payments_are_sol() {
            world.issue_of(&campaign.payment_mint, &party.referee.pubkey(), 10 * PRICE);
        }
        if self.paid_in_tokens && campaign.funding == Funding::PaymentSplit {
            // Each of them could pay the price, so that another's payment would succeed.
            for owner in [
                &party.owner.pubkey(),
                &party.partner.pubkey(),
                &place.campaign,
            ] {
                world.issue(owner, 10 * PRICE);
            }
        }
        if campaign.per_owner && self.registered {
            for owner in [&party.owner, &party.heir] {
                let step = register_referrer(place, &party, owner);
                world
                    .send(&[step], &[&party.sponsor, owner])
                    .expect("registered");
            }
        }
        if campaign.settings.has_gate() {
            world.give_credential(&party.referee.pubkey(), 0);
        }
        if self.code {
            let create = register(place, &party);
            world
                .send(&[create], &[&party.sponsor, &party.owner, &place.attestor])
                .expect("a code");
        }
        if self.partner {
            let set = set_partner(place, &party);
            world
                .send(&[set], &[&party.owner, &party.partner])
                .expect("a partner");
        }
        (self.prepare)(world, place, &party);
        party
    }

    /// Builds the world.
    fn scene(&self) -> Scene {
        let mut world = World::new();
        world.set_time(BEGIN);
        world.token_program = self.token_program;
        let relay = world.wallet();
        let stranger = world.wallet();

        let place = self.place(&mut world, None);
        let party = self.party(&mut world, &place, 2);
        let other = self.party(&mut world, &place, 3);
        let mut others = vec![];
        // A mint has one mint authority, so only one campaign can mint it.
        if self.terms.funding != Funding::MintAuthority && place.args.mint != Pubkey::default() {
            others.push(("of the same mint", self.place(&mut world, Some(&place))));
        }
        others.push(("of another mint", self.place(&mut world, None)));
        let mut places = vec![];
        for (number, (name, other)) in (4..).zip(others) {
            let party = self.party(&mut world, &other, number);
            places.push((name, other, party));
        }
        for place in std::iter::once(&place).chain(places.iter().map(|(_, place, _)| place)) {
            enter(&mut world, place);
            (self.finish)(&mut world, place);
        }

        let elsewhere = places
            .iter()
            .map(|(name, place, party)| {
                enter(&mut world, place);
                let mut steps = (self.build)(&world, place, party);
                (*name, steps.pop().expect("an instruction"))
            })
            .collect();
        enter(&mut world, &place);
        let mut of_other = (self.build)(&world, &place, &other);
        let mut keys = vec![relay.insecure_clone(), stranger.insecure_clone()];
        for place in std::iter::once(&place).chain(places.iter().map(|(_, place, _)| place)) {
            for key in [
                &place.company,
                &place.sponsor,
                &place.attestor,
                &place.heir,
                &place.funder,
            ] {
                keys.push(key.insecure_clone());
            }
        }
        for party in [&party, &other]
            .into_iter()
            .chain(places.iter().map(|(_, _, party)| party))
        {
            for key in [
                &party.owner,
                &party.referee,
                &party.partner,
                &party.sponsor,
                &party.heir,
            ] {
                keys.push(key.insecure_clone());
            }
        }
        Scene {
            name: self.name,
            steps: (self.build)(&world, &place, &party),
            svm: world.svm,
            other_party: of_other.pop().expect("an instruction"),
            elsewhere,
            keys,
            relay: relay.pubkey(),
            stranger: stranger.pubkey(),
            place,
            party,
        }
    }
}

fn register(place: &Place, party: &Party) -> Instruction {
    instructions::create_referral(&CreateReferral {
        payer: party.sponsor.pubkey(),
        attestor: Some(place.attestor.pubkey()),
        per_owner: place.args.terms.per_owner,
        ..CreateReferral::new(
            &party.owner.pubkey(),
            &party.owner.pubkey(),
            &place.campaign,
            &code(&party.code),
        )
    })
}

fn set_partner(place: &Place, party: &Party) -> Instruction {
    instructions::set_partner(
        &party.owner.pubkey(),
        &party.partner.pubkey(),
        &place.campaign,
        &referral(place, party),
        Share {
            bps: 1_000,
            fixed: 0,
        },
    )
}

fn register_referrer(place: &Place, party: &Party, owner: &Keypair) -> Instruction {
    instructions::register_referrer(&party.sponsor.pubkey(), &owner.pubkey(), &place.campaign)
}

fn referral(place: &Place, party: &Party) -> Pubkey {
    pda::referral(&place.campaign, &code(&party.code))
}

fn convert_args(party: &Party, evidence: Evidence) -> Convert {
    Convert {
        payer: party.sponsor.pubkey(),
        referee: party.referee.pubkey(),
        action: Action::Custom,
        amount: 7,
        reference: party.reference,
        evidence,
    }
}

fn convert(world: &World, party: &Party, evidence: Evidence) -> Vec<Instruction> {
    let args = convert_args(party, evidence);
    vec![world.convert(&party.owner.pubkey(), &party.code, &args)]
}

fn convert_openly(world: &World, _: &Place, party: &Party) -> Vec<Instruction> {
    convert(world, party, Evidence::None)
}

fn buy(world: &World, _: &Place, party: &Party) -> Vec<Instruction> {
    let args = Purchase {
        payer: party.sponsor.pubkey(),
        payment_token_program: world.token_program,
        ..Purchase::new(&party.referee.pubkey(), PRICE, party.reference)
    };
    vec![world.purchase(&party.owner.pubkey(), &party.code, &args)]
}

/// The attestor's statement about a party's conversion.
fn statement(world: &World, party: &Party) -> voucher::Statement {
    let args = convert_args(party, Evidence::None);
    voucher::Statement {
        issued_at: BEGIN,
        ..world.statement(&party.code, &args, BEGIN + 1)
    }
}

fn digest(world: &World, party: &Party) -> [u8; 32] {
    voucher::digest(&voucher::message(&statement(world, party)))
}

fn revoke(world: &World, place: &Place, party: &Party) -> Vec<Instruction> {
    vec![instructions::revoke_voucher(
        &party.sponsor.pubkey(),
        &place.attestor.pubkey(),
        &place.campaign,
        digest(world, party),
        BEGIN + 1,
    )]
}

fn bind(place: &Place, party: &Party) -> Bind {
    Bind {
        payer: party.sponsor.pubkey(),
        wallet: party.referee.pubkey(),
        campaign: place.campaign,
        code: code(&party.code),
        bound: None,
    }
}

/// Another code of a party. The party's heir owns it.
fn former_code(party: &Party) -> String {
    format!("FADED{}", party.reference[0])
}

/// Binds a party's referee to its former code.
fn bound_before(world: &mut World, place: &Place, party: &Party) {
    let create = instructions::create_referral(&CreateReferral {
        per_owner: place.args.terms.per_owner,
        ..CreateReferral::new(
            &party.sponsor.pubkey(),
            &party.heir.pubkey(),
            &place.campaign,
            &code(&former_code(party)),
        )
    });
    world
        .send(&[create], &[&party.sponsor, &party.heir])
        .expect("a former code");
    let touch = instructions::bind(&Bind {
        code: code(&former_code(party)),
        ..bind(place, party)
    });
    world
        .send(&[touch], &[&party.sponsor, &party.referee])
        .expect("bound");
}

/// Like [`bound_before`], with the former code switched off.
fn bound_in_vain(world: &mut World, place: &Place, party: &Party) {
    bound_before(world, place, party);
    let (owner, at) = (party.heir.pubkey(), former(place, party));
    let stop = instructions::update_referral(&owner, &at, false, 0, 0);
    world.send(&[stop], &[&party.heir]).expect("inactive");
}

/// Like [`bound_before`], with the owner of the former code at its limit.
fn bound_to_the_limit(world: &mut World, place: &Place, party: &Party) {
    bound_before(world, place, party);
    let (visitor, text) = (world.wallet(), former_code(party));
    let touch = world.bind(&visitor.pubkey(), &text);
    world.send(&[touch], &[&visitor]).expect("bound");
    let convert = world.conversion(&visitor.pubkey(), &party.heir.pubkey(), &text);
    world.send(&[convert], &[&visitor]).expect("converted");
}

fn former(place: &Place, party: &Party) -> Pubkey {
    pda::referral(&place.campaign, &code(&former_code(party)))
}

fn converted(world: &mut World, place: &Place, party: &Party) {
    let steps = convert_openly(world, place, party);
    world
        .send(&steps, &[&party.sponsor, &party.referee])
        .expect("converted");
}

fn bought(world: &mut World, place: &Place, party: &Party) {
    let steps = buy(world, place, party);
    world
        .send(&steps, &[&party.sponsor, &party.referee])
        .expect("bought");
}

fn bound(world: &mut World, place: &Place, party: &Party) {
    let step = instructions::bind(&bind(place, party));
    world
        .send(&[step], &[&party.sponsor, &party.referee])
        .expect("bound");
}

fn hold_is_over(world: &mut World, _: &Place) {
    world.set_time(world.time() + i64::from(HOLD));
}

fn window_is_over(world: &mut World, _: &Place) {
    world.set_time(world.time() + i64::from(WINDOW));
}

fn closed(world: &mut World, place: &Place) {
    let close = instructions::close_campaign(&place.company.pubkey(), &place.campaign);
    world.send(&[close], &[&place.company]).expect("closed");
}

fn over(world: &mut World, place: &Place) {
    closed(world, place);
    world.set_time(world.time() + i64::from(HOLD) + THIRTY_DAYS);
}

fn claim(world: &World, _: &Place, party: &Party) -> Vec<Instruction> {
    vec![world.claim(&party.code, &party.referee.pubkey(), &party.reference)]
}

fn cancel(world: &World, _: &Place, party: &Party) -> Vec<Instruction> {
    vec![world.cancel(&party.code, &party.referee.pubkey(), &party.reference)]
}

fn update(place: &Place, reward: u64) -> Vec<Instruction> {
    let settings = Settings::fixed(reward);
    let (company, campaign) = (place.company.pubkey(), place.campaign);
    vec![instructions::update_campaign(
        &company, &campaign, &settings,
    )]
}

fn reclaim_campaign(world: &World, place: &Place, _: &Party) -> Vec<Instruction> {
    let campaign = world.campaign();
    let destination = pda::associated_token(
        &place.funder.pubkey(),
        &campaign.mint,
        &campaign.token_program,
    )
    .0;
    vec![instructions::reclaim_campaign(
        &place.campaign,
        &campaign,
        Some(&destination),
    )]
}

fn withdraw(world: &World, place: &Place, _: &Party) -> Vec<Instruction> {
    let campaign = world.campaign();
    let to = pda::associated_token(
        &place.funder.pubkey(),
        &campaign.mint,
        &campaign.token_program,
    )
    .0;
    vec![instructions::withdraw_vault(
        &place.campaign,
        &campaign,
        &to,
        5,
    )]
}

const MINTED: Terms = Terms {
    funding: Funding::MintAuthority,
    proof: Proof::Open,
    uniqueness: Uniqueness::Wallet,
    per_owner: false,
    notice_seconds: 0,
};
/// Terms by which tiers, bonuses and limits count all codes of an owner.
const PER_OWNER: Terms = Terms {
    per_owner: true,
    ..MINTED
};
const WITH_NOTICE: Terms = Terms {
    notice_seconds: 1_000,
    ..MINTED
};
const VAULT: Terms = Terms {
    funding: Funding::Vault,
    ..MINTED
};
const ATTESTED: Terms = Terms {
    proof: Proof::Attested,
    uniqueness: Uniqueness::Order,
    ..MINTED
};
const SPLIT: Terms = Terms {
    funding: Funding::PaymentSplit,
    proof: Proof::Payment,
    uniqueness: Uniqueness::Order,
    ..MINTED
};
const SOLD: Terms = Terms {
    proof: Proof::Payment,
    uniqueness: Uniqueness::WalletAndCode,
    ..MINTED
};
const SOLD_PER_OWNER: Terms = Terms {
    per_owner: true,
    ..SOLD
};
const SOLD_VAULT: Terms = Terms {
    funding: Funding::Vault,
    ..SOLD
};

fn held(settings: &mut Settings) {
    settings.hold_seconds = HOLD;
}

fn windowed(settings: &mut Settings) {
    settings.attribution_window = WINDOW;
}

fn budgeted(settings: &mut Settings) {
    settings.budget = FUND;
}

fn gated(settings: &mut Settings) {
    settings.gate_credential = ISSUER;
    settings.gate_schema = SCHEMA;
}

/// Limits each owner to one conversion.
fn limited(settings: &mut Settings) {
    windowed(settings);
    settings.owner_limit = 1;
}

const PLAIN: Script = Script {
    name: "minted",
    terms: MINTED,
    settings: |_| {},
    paid_in_tokens: false,
    token_program: token::TOKEN_PROGRAM_ID,
    open: true,
    code: true,
    registered: true,
    partner: false,
    prepare: |_, _, _| {},
    finish: |_, _| {},
    build: |_, _, _| vec![],
};

/// The scenes of this instruction, which together use each of its accounts; empty for an
/// instruction without a script.
pub(crate) fn of(instruction: &str) -> Vec<Scene> {
    let scripts: Vec<Script> = match instruction {
        "create_campaign" => {
            let create = Script {
                open: false,
                code: false,
                build: |_, place, _| vec![instructions::create_campaign(&place.args)],
                ..PLAIN
            };
            vec![
                Script {
                    name: "minted, sold for tokens",
                    terms: SOLD,
                    paid_in_tokens: true,
                    ..create
                },
                Script {
                    name: "split in tokens",
                    terms: SPLIT,
                    paid_in_tokens: true,
                    ..create
                },
                Script {
                    name: "split in SOL",
                    terms: SPLIT,
                    ..create
                },
                Script {
                    name: "vault",
                    terms: VAULT,
                    ..create
                },
                Script {
                    name: "Token-2022",
                    terms: SPLIT,
                    paid_in_tokens: true,
                    token_program: TOKEN_2022,
                    ..create
                },
            ]
        }
        "update_campaign" => vec![
            Script {
                build: |_, place, _| update(place, REWARD + 1),
                ..PLAIN
            },
            Script {
                name: "with notice",
                terms: WITH_NOTICE,
                build: |_, place, _| update(place, REWARD - 1),
                ..PLAIN
            },
        ],
        "set_paused" => vec![Script {
            build: |_, place, _| {
                let (company, campaign) = (place.company.pubkey(), place.campaign);
                vec![instructions::set_paused(&company, &campaign, true)]
            },
            ..PLAIN
        }],
        "propose_authority" => vec![Script {
            build: |_, place, _| {
                let (company, heir) = (place.company.pubkey(), place.heir.pubkey());
                vec![instructions::propose_authority(
                    &company,
                    &place.campaign,
                    Some(&heir),
                )]
            },
            ..PLAIN
        }],
        "accept_authority" => vec![Script {
            finish: |world, place| {
                let (company, heir) = (place.company.pubkey(), place.heir.pubkey());
                let offer = instructions::propose_authority(&company, &place.campaign, Some(&heir));
                world.send(&[offer], &[&place.company]).expect("offered");
            },
            build: |_, place, _| {
                let heir = place.heir.pubkey();
                vec![instructions::accept_authority(&heir, &place.campaign)]
            },
            ..PLAIN
        }],
        "close_campaign" => vec![
            Script {
                build: |_, place, _| {
                    let company = place.company.pubkey();
                    vec![instructions::close_campaign(&company, &place.campaign)]
                },
                ..PLAIN
            },
            Script {
                name: "by anybody",
                settings: |settings| settings.ends_at = END,
                finish: |world, _| world.set_time(END + THIRTY_DAYS),
                build: |_, place, _| {
                    let funder = place.funder.pubkey();
                    vec![instructions::close_campaign(&funder, &place.campaign)]
                },
                ..PLAIN
            },
        ],
        "revoke_voucher" => vec![Script {
            name: "attested",
            terms: ATTESTED,
            build: revoke,
            ..PLAIN
        }],
        "reclaim_voucher" => vec![Script {
            name: "attested",
            terms: ATTESTED,
            prepare: |world, place, party| {
                let step = revoke(world, place, party);
                world
                    .send(&step, &[&party.sponsor, &place.attestor])
                    .expect("revoked");
            },
            finish: |world, _| world.set_time(BEGIN + voucher::MAX_LIFE + voucher::CLOCK_SKEW),
            build: |world, place, party| {
                vec![instructions::reclaim_voucher(
                    &place.campaign,
                    &digest(world, party),
                    &party.sponsor.pubkey(),
                )]
            },
            ..PLAIN
        }],
        "reclaim_campaign" => {
            let reclaim = Script {
                finish: over,
                build: reclaim_campaign,
                ..PLAIN
            };
            vec![
                reclaim,
                Script {
                    name: "vault",
                    terms: VAULT,
                    ..reclaim
                },
                Script {
                    name: "split in SOL",
                    terms: SPLIT,
                    ..reclaim
                },
                Script {
                    name: "Token-2022",
                    terms: VAULT,
                    token_program: TOKEN_2022,
                    ..reclaim
                },
            ]
        }
        "fund_vault" => {
            let fund = Script {
                name: "vault",
                terms: VAULT,
                build: |world, place, _| {
                    let campaign = world.campaign();
                    let funder = place.funder.pubkey();
                    let (mint, program) = (&campaign.mint, &campaign.token_program);
                    let source = pda::associated_token(&funder, mint, program).0;
                    vec![instructions::fund_vault(
                        &funder,
                        &place.campaign,
                        &campaign,
                        &source,
                        5,
                    )]
                },
                ..PLAIN
            };
            vec![
                fund,
                Script {
                    name: "Token-2022",
                    token_program: TOKEN_2022,
                    ..fund
                },
            ]
        }
        "withdraw_vault" => vec![
            Script {
                name: "vault",
                terms: VAULT,
                build: withdraw,
                ..PLAIN
            },
            Script {
                name: "split in tokens",
                terms: SPLIT,
                paid_in_tokens: true,
                // Somebody sends tokens to the vault.
                finish: |world, place| {
                    world.issue(&place.campaign, 10);
                    world.issue(&place.funder.pubkey(), 0);
                },
                build: withdraw,
                ..PLAIN
            },
            Script {
                name: "Token-2022",
                terms: VAULT,
                token_program: TOKEN_2022,
                build: withdraw,
                ..PLAIN
            },
        ],
        "set_suspended" => vec![Script {
            build: |_, place, party| {
                vec![instructions::set_suspended(
                    &place.company.pubkey(),
                    &place.campaign,
                    &referral(place, party),
                    true,
                )]
            },
            ..PLAIN
        }],
        "create_referral" => {
            let create = Script {
                code: false,
                build: |_, place, party| vec![register(place, party)],
                ..PLAIN
            };
            vec![
                Script {
                    name: "attested codes",
                    settings: |settings| settings.attested_codes = true,
                    ..create
                },
                Script {
                    name: "open",
                    build: |_, place, party| {
                        let mut create = register(place, party);
                        let attestor = &mut create.accounts[4];
                        attestor.pubkey = vouch_client::PROGRAM_ID;
                        attestor.is_signer = false;
                        vec![create]
                    },
                    ..create
                },
                Script {
                    name: "per owner",
                    terms: PER_OWNER,
                    settings: |settings| settings.attested_codes = true,
                    ..create
                },
            ]
        }
        "register_referrer" => vec![Script {
            name: "per owner",
            terms: PER_OWNER,
            registered: false,
            code: false,
            build: |_, place, party| vec![register_referrer(place, party, &party.owner)],
            ..PLAIN
        }],
        "update_referral" => vec![Script {
            build: |_, place, party| {
                let (owner, at) = (party.owner.pubkey(), referral(place, party));
                vec![instructions::update_referral(&owner, &at, false, 7, 0)]
            },
            ..PLAIN
        }],
        "set_partner" => vec![Script {
            build: |_, place, party| vec![set_partner(place, party)],
            ..PLAIN
        }],
        "end_partnership" => vec![
            Script {
                name: "by the partner",
                partner: true,
                build: |_, place, party| {
                    let (partner, at) = (party.partner.pubkey(), referral(place, party));
                    vec![instructions::end_partnership(&partner, &at)]
                },
                ..PLAIN
            },
            Script {
                name: "by the owner",
                partner: true,
                build: |_, place, party| {
                    let (owner, at) = (party.owner.pubkey(), referral(place, party));
                    vec![instructions::end_partnership(&owner, &at)]
                },
                ..PLAIN
            },
        ],
        "propose_owner" => vec![Script {
            build: |_, place, party| {
                let (owner, heir) = (party.owner.pubkey(), party.heir.pubkey());
                let at = referral(place, party);
                vec![instructions::propose_owner(&owner, &at, Some(&heir))]
            },
            ..PLAIN
        }],
        "accept_owner" => {
            let accept = Script {
                prepare: |world, place, party| {
                    let (owner, heir) = (party.owner.pubkey(), party.heir.pubkey());
                    let at = referral(place, party);
                    let offer = instructions::propose_owner(&owner, &at, Some(&heir));
                    world.send(&[offer], &[&party.owner]).expect("offered");
                },
                build: |_, place, party| {
                    let (heir, at) = (party.heir.pubkey(), referral(place, party));
                    let per_owner = place.args.terms.per_owner;
                    let campaign = &place.campaign;
                    vec![instructions::accept_owner(&heir, campaign, &at, per_owner)]
                },
                ..PLAIN
            };
            vec![
                accept,
                Script {
                    name: "per owner",
                    terms: PER_OWNER,
                    ..accept
                },
            ]
        }
        "close_referral" => vec![Script {
            build: |_, place, party| {
                let (owner, sponsor) = (party.owner.pubkey(), party.sponsor.pubkey());
                let at = referral(place, party);
                vec![instructions::close_referral(&owner, &at, &sponsor)]
            },
            ..PLAIN
        }],
        "bind" => vec![
            Script {
                name: "window",
                settings: windowed,
                build: |_, place, party| vec![instructions::bind(&bind(place, party))],
                ..PLAIN
            },
            Script {
                name: "rebind",
                settings: windowed,
                prepare: bound_in_vain,
                build: |_, place, party| {
                    vec![instructions::bind(&Bind {
                        bound: Some((former(place, party), None)),
                        ..bind(place, party)
                    })]
                },
                ..PLAIN
            },
            Script {
                name: "rebind, per owner",
                terms: PER_OWNER,
                settings: limited,
                prepare: bound_to_the_limit,
                build: |_, place, party| {
                    let referrer = pda::referrer(&place.campaign, &party.heir.pubkey());
                    vec![instructions::bind(&Bind {
                        bound: Some((former(place, party), Some(referrer))),
                        ..bind(place, party)
                    })]
                },
                ..PLAIN
            },
        ],
        "convert" => {
            let convert_it = Script {
                partner: true,
                build: convert_openly,
                ..PLAIN
            };
            vec![
                convert_it,
                Script {
                    name: "budget",
                    settings: budgeted,
                    ..convert_it
                },
                Script {
                    name: "vault",
                    terms: VAULT,
                    ..convert_it
                },
                Script {
                    name: "held",
                    settings: held,
                    ..convert_it
                },
                Script {
                    name: "attested",
                    terms: ATTESTED,
                    build: |world, place, party| {
                        convert(world, party, Evidence::Attestor(place.attestor.pubkey()))
                    },
                    ..convert_it
                },
                Script {
                    name: "voucher",
                    terms: ATTESTED,
                    build: |world, place, party| {
                        let statement = statement(world, party);
                        let mut steps = convert(world, party, vouched_by(&statement));
                        steps.insert(0, signed(&place.attestor, &statement));
                        steps
                    },
                    ..convert_it
                },
                Script {
                    name: "window",
                    settings: windowed,
                    prepare: bound,
                    ..convert_it
                },
                Script {
                    name: "per owner",
                    terms: PER_OWNER,
                    ..convert_it
                },
                Script {
                    name: "gate",
                    settings: gated,
                    ..convert_it
                },
                Script {
                    name: "Token-2022",
                    token_program: TOKEN_2022,
                    ..convert_it
                },
            ]
        }
        "purchase" => {
            let buy_it = Script {
                partner: true,
                build: buy,
                ..PLAIN
            };
            vec![
                Script {
                    name: "minted, sold for SOL",
                    terms: SOLD,
                    ..buy_it
                },
                Script {
                    name: "minted, sold for tokens",
                    terms: SOLD,
                    paid_in_tokens: true,
                    ..buy_it
                },
                Script {
                    name: "vault, sold for tokens",
                    terms: SOLD_VAULT,
                    paid_in_tokens: true,
                    ..buy_it
                },
                Script {
                    name: "window",
                    terms: SOLD,
                    settings: windowed,
                    prepare: bound,
                    ..buy_it
                },
                Script {
                    name: "per owner",
                    terms: SOLD_PER_OWNER,
                    ..buy_it
                },
                Script {
                    name: "gate",
                    terms: SOLD,
                    settings: gated,
                    ..buy_it
                },
                Script {
                    name: "split in SOL",
                    terms: SPLIT,
                    ..buy_it
                },
                Script {
                    name: "split in SOL, held",
                    terms: SPLIT,
                    settings: held,
                    ..buy_it
                },
                Script {
                    name: "split in tokens",
                    terms: SPLIT,
                    paid_in_tokens: true,
                    ..buy_it
                },
                Script {
                    name: "split in tokens, held",
                    terms: SPLIT,
                    settings: held,
                    paid_in_tokens: true,
                    ..buy_it
                },
                Script {
                    name: "Token-2022",
                    terms: SPLIT,
                    paid_in_tokens: true,
                    token_program: TOKEN_2022,
                    ..buy_it
                },
            ]
        }
        "claim" | "cancel_conversion" => {
            let ends = instruction == "claim";
            let later = Script {
                settings: held,
                partner: true,
                prepare: converted,
                finish: if ends { hold_is_over } else { |_, _| {} },
                build: if ends { claim } else { cancel },
                ..PLAIN
            };
            vec![
                later,
                Script {
                    name: "vault",
                    terms: VAULT,
                    ..later
                },
                Script {
                    name: "split in SOL",
                    terms: SPLIT,
                    prepare: bought,
                    ..later
                },
                Script {
                    name: "split in tokens",
                    terms: SPLIT,
                    paid_in_tokens: true,
                    prepare: bought,
                    ..later
                },
                Script {
                    name: "per owner",
                    terms: PER_OWNER,
                    ..later
                },
                Script {
                    name: "Token-2022",
                    terms: SPLIT,
                    paid_in_tokens: true,
                    token_program: TOKEN_2022,
                    prepare: bought,
                    ..later
                },
            ]
        }
        "reclaim_referral" => {
            let reclaim = Script {
                finish: closed,
                build: |world, place, party| {
                    let sponsor = party.sponsor.pubkey();
                    vec![instructions::reclaim_referral(
                        &world.campaign,
                        &referral(place, party),
                        &sponsor,
                    )]
                },
                ..PLAIN
            };
            vec![
                reclaim,
                Script {
                    name: "closed code",
                    prepare: |world, place, party| {
                        let (owner, sponsor) = (party.owner.pubkey(), party.sponsor.pubkey());
                        let at = referral(place, party);
                        let close = instructions::close_referral(&owner, &at, &sponsor);
                        world.send(&[close], &[&party.owner]).expect("closed");
                    },
                    ..reclaim
                },
            ]
        }
        "reclaim_conversion" => {
            let reclaim = Script {
                prepare: converted,
                finish: closed,
                build: |world, _, party| {
                    let referee = party.referee.pubkey();
                    vec![world.reclaim(&party.code, &referee, &party.reference)]
                },
                ..PLAIN
            };
            vec![
                reclaim,
                Script {
                    name: "held",
                    settings: held,
                    finish: over,
                    ..reclaim
                },
                Script {
                    name: "split in SOL",
                    terms: SPLIT,
                    settings: held,
                    prepare: bought,
                    finish: over,
                    ..reclaim
                },
            ]
        }
        "reclaim_referrer" => vec![Script {
            name: "per owner",
            terms: PER_OWNER,
            finish: over,
            build: |_, place, party| {
                vec![instructions::reclaim_referrer(
                    &place.campaign,
                    &party.owner.pubkey(),
                    &party.sponsor.pubkey(),
                )]
            },
            ..PLAIN
        }],
        "reclaim_binding" => {
            let reclaim = Script {
                name: "expired",
                settings: windowed,
                prepare: bound,
                finish: window_is_over,
                build: |_, place, party| {
                    let (wallet, sponsor) = (party.referee.pubkey(), party.sponsor.pubkey());
                    vec![instructions::reclaim_binding(
                        &place.campaign,
                        &wallet,
                        &sponsor,
                    )]
                },
                ..PLAIN
            };
            vec![
                reclaim,
                Script {
                    name: "closed",
                    finish: closed,
                    ..reclaim
                },
            ]
        }
        _ => vec![],
    };
    scripts.iter().map(Script::scene).collect()
}
