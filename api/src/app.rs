//! The routes, their layers, and the OpenAPI document.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, Method, header},
    middleware,
    response::IntoResponse,
    routing::any,
};
use tower_http::cors::{Any, CorsLayer};
use utoipa::{
    Modify, OpenApi, ToSchema as _,
    openapi::{
        Content, RefOr,
        path::Operation,
        schema::{Schema, SchemaType, Type},
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    conditional,
    config::BODY_LIMIT,
    envelope::{self, ErrorEnvelope, PROBLEM},
    error::ApiError,
    limits,
    routes::{
        actions, analytics, attestations, auth, badges, campaigns, clicks, codes, conversions,
        coverage, delegates, digest, health, keys, leaderboard, live, me, names, profiles, qr,
        ranks, redirect, totals, transactions, why,
    },
    state::AppState,
    web,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vouch",
        description = "Referral programmes that need no trust. Amounts are unsigned 64-bit \
            integers as decimal strings, in base units of the token; times are RFC 3339 in UTC. \
            Every refusal is a problem of RFC 9457, and any request can also be refused with \
            method_not_allowed, request_timeout, overloaded, database_unavailable or internal.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    modifiers(&Credentials),
    tags(
        (name = "links", description = "Share links"),
        (name = "codes", description = "Referral codes"),
        (name = "transactions", description = "Unsigned transactions for wallets"),
        (name = "actions", description = "Solana Actions and Solana Pay"),
        (name = "numbers", description = "Conversions, leaderboards and badges"),
        (name = "live", description = "Server-sent events about what happens"),
        (name = "campaigns", description = "Campaigns"),
        (name = "auth", description = "Sign-in with a wallet"),
        (name = "me", description = "Data of the wallet that has signed in"),
        (name = "attestations", description = "Vouchers of a campaign that has left its attestor's key to this service"),
        (name = "keys", description = "API keys of a campaign's server"),
        (name = "operations", description = "Running the service"),
    )
)]
struct Document;

/// The ways to say who is calling. The lists in the requirements are roles: what the caller must be,
/// or which scope its key needs.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, description) in [
            (
                "session",
                "The token of a wallet's session, as /v1/auth/sessions returns it",
            ),
            ("api_key", "A campaign's API key, vk_live_..."),
        ] {
            let mut scheme = Http::new(HttpAuthScheme::Bearer);
            scheme.description = Some(description.to_owned());
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
        let cookie = ApiKeyValue::with_description(
            "__Host-vouch_session",
            "The cookie of a wallet's session; vouch_session on http://localhost. Requests that change \
             something must come from a page of this service",
        );
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(codes::show))
        .routes(routes!(codes::validate))
        .routes(routes!(codes::stats))
        .routes(routes!(analytics::of_code))
        .routes(routes!(analytics::of_campaign))
        .routes(routes!(analytics::of_wallet))
        .routes(routes!(qr::png))
        .routes(routes!(qr::svg))
        .routes(routes!(conversions::list))
        .routes(routes!(conversions::show))
        .routes(routes!(why::show))
        .routes(routes!(clicks::show))
        .routes(routes!(leaderboard::show))
        .routes(routes!(live::of_board))
        .routes(routes!(live::of_campaign))
        .routes(routes!(live::of_code))
        .routes(routes!(live::of_referrer))
        .routes(routes!(totals::show))
        .routes(routes!(badges::kinds))
        .routes(routes!(badges::of_referrer))
        .routes(routes!(badges::milestones))
        .routes(routes!(ranks::of_referrer))
        .routes(routes!(names::list))
        .routes(routes!(coverage::show))
        .routes(routes!(digest::show))
        .routes(routes!(digest::rows))
        .routes(routes!(campaigns::list))
        .routes(routes!(campaigns::show))
        .routes(routes!(badges::of_campaign))
        .merge(transactions::router())
        .routes(routes!(redirect::follow))
        .routes(routes!(campaigns::set_profile))
        .routes(routes!(delegates::show))
        .routes(routes!(delegates::of_wallet))
        .routes(routes!(auth::challenge))
        .routes(routes!(auth::open, auth::list, auth::end_all))
        .routes(routes!(auth::end_current))
        .routes(routes!(auth::end_one))
        .routes(routes!(attestations::show_rules, attestations::set_rules))
        .routes(routes!(attestations::attest))
        .routes(routes!(keys::make, keys::list))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::revoke))
        .routes(routes!(me::show))
        .routes(routes!(me::codes))
        .routes(routes!(me::rewards))
        .routes(routes!(me::claim))
        .routes(routes!(ranks::show_profile, ranks::set_profile))
        .routes(routes!(profiles::set))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::health))
}

/// Routes that speak the protocol of Solana Actions, and so have refusals and CORS of their own.
fn actions() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(actions::rules))
        .routes(routes!(actions::show, actions::build))
        .routes(routes!(
            actions::show_in_campaign,
            actions::build_in_campaign
        ))
        .routes(routes!(actions::next))
        .routes(routes!(actions::check))
}

/// The OpenAPI document of all routes.
fn document() -> utoipa::openapi::OpenApi {
    let mut document = api().into_openapi();
    document.merge(actions().into_openapi());
    identified(document)
}

/// Gives each operation an id of its own, of its method and path. By default it is the name of the
/// handler, which several share; generators of clients refuse that.
fn identified(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for (path, item) in &mut document.paths.paths {
        let words = path.split(|letter: char| !letter.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let operations = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(format!("{method}_{}", words.join("_")));
                refusals_are_problems(operation);
                parameters_have_values(operation);
            }
        }
    }
    document
}

/// Removes null from the schemas of parameters: one that is absent is not sent at all.
fn parameters_have_values(operation: &mut Operation) {
    let is_null = |schema: &RefOr<Schema>| matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
    for parameter in operation.parameters.iter_mut().flatten() {
        match &mut parameter.schema {
            Some(RefOr::T(Schema::OneOf(one_of))) => {
                one_of.items.retain(|schema| !is_null(schema));
                if let [only] = one_of.items.as_slice() {
                    parameter.schema = Some(only.clone());
                }
            }
            Some(RefOr::T(Schema::Object(object))) => {
                if let SchemaType::Array(types) = &mut object.schema_type {
                    types.retain(|kind| *kind != Type::Null);
                    if let [only] = types.as_slice() {
                        object.schema_type = SchemaType::Type(only.clone());
                    }
                }
            }
            _ => {}
        }
    }
}

/// Gives the refusals of an operation their media type. The macros know only that of all bodies.
fn refusals_are_problems(operation: &mut Operation) {
    let envelope = format!("#/components/schemas/{}", ErrorEnvelope::name());
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else {
            continue;
        };
        let is_refusal = |content: &Content| matches!(&content.schema, Some(RefOr::Ref(schema)) if schema.ref_location == envelope);
        if let Some(content) = response.content.get("application/json")
            && is_refusal(content)
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert(PROBLEM.to_owned(), content);
        }
    }
}

/// The OpenAPI document as pretty JSON, ending with a line break. The same code always
/// gives the same text.
///
/// # Errors
/// Never in practice, because the document can always be serialised.
pub fn openapi() -> anyhow::Result<String> {
    let mut text = document().to_pretty_json()?;
    text.push('\n');
    Ok(text)
}

/// The whole service.
pub(crate) fn router(state: AppState) -> Router {
    // Pages of any origin may read and build transactions. They can neither set a profile nor send a
    // token, because that method and that header are not on these lists.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            header::RETRY_AFTER,
            header::ETAG,
        ]);
    let (routes, _) = api().split_for_parts();
    routes
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document()))
        .merge(web::routes())
        .fallback(async || ApiError::route_not_found().into_response())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed().into_response())
        .layer(middleware::from_fn(conditional::layer))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state.limits),
            limits::layer,
        ))
        .layer(middleware::from_fn(envelope::layer))
        // Outside of the envelope, which says what was refused.
        .layer(middleware::from_fn_with_state(state.clone(), web::explain))
        // CORS is outside of the envelope, so that pages can read refusals (timeout,
        // panic), too.
        .layer(cors)
        .merge(action_router(&state))
        .with_state(state)
}

/// The routes of [`actions`] with the layers of all others, except that refusals and CORS are those of
/// Solana Actions, and that no page explains a refusal.
fn action_router(state: &AppState) -> Router<AppState> {
    let header = HeaderName::from_static;
    // The lists are the specification's. A token would be ignored here.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::OPTIONS])
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            header::CONTENT_ENCODING,
            header::ACCEPT_ENCODING,
            header("x-accept-action-version"),
            header("x-accept-blockchain-ids"),
        ])
        .expose_headers([
            header("x-action-version"),
            header("x-blockchain-ids"),
            header("x-request-id"),
            header("ratelimit"),
            header("ratelimit-policy"),
            header::RETRY_AFTER,
        ]);
    let (routes, _) = actions().split_for_parts();
    routes
        .method_not_allowed_fallback(async || ApiError::method_not_allowed().into_response())
        // Clients of Actions read this refusal, too.
        .route(
            "/v1/actions/{*rest}",
            any(async || ApiError::route_not_found().into_response()),
        )
        .layer(middleware::from_fn(conditional::layer))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state.limits),
            limits::layer,
        ))
        .layer(middleware::from_fn(envelope::action_layer))
        .layer(cors)
        .layer(middleware::from_fn_with_state(
            state.clone(),
            actions::layer,
        ))
}
