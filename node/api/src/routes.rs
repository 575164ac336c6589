//! The one table of the node API: what each route needs, and its handler. Router, rights and the OpenAPI document are made from it.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, ResponseBuilder, SecurityRequirement,
};

use crate::auth::Need;
use crate::guard::Door;
use crate::problem::{Document, MEDIA_TYPE, Problem};
use crate::state::AppState;
use crate::{
    addresses, audit, charter, circles, equivocation, export, guard, health, invitations, keys, logs, members, metrics, node_status, records,
    resolutions, sessions, tiles, tokens, verify, waiting,
};

/// One row of the table.
pub struct Route {
    /// The path, with `{name}` for its parameters.
    pub path: String,
    /// The method.
    pub method: HttpMethod,
    /// What it needs.
    pub need: Need,
    operation: Operation,
    schemas: Vec<(String, RefOr<Schema>)>,
    handler: MethodRouter<AppState>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method_name(), self.path)
    }
}

impl Route {
    /// Names of its parameters in the query.
    pub fn query(&self) -> Vec<String> {
        self.parameters(&ParameterIn::Query)
    }

    fn parameters(&self, place: &ParameterIn) -> Vec<String> {
        let all = self.operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        });
        all.filter(|parameter| parameter.parameter_in == *place).map(|parameter| parameter.name.clone()).collect()
    }

    fn door(&self) -> Door {
        let idempotent = self.parameters(&ParameterIn::Header).iter().any(|name| name.eq_ignore_ascii_case("idempotency-key"));
        Door { need: self.need, query: self.query(), idempotent }
    }

    /// The method's name.
    pub const fn method_name(&self) -> &'static str {
        match self.method {
            HttpMethod::Get => "GET",
            HttpMethod::Put => "PUT",
            HttpMethod::Delete => "DELETE",
            HttpMethod::Patch => "PATCH",
            HttpMethod::Options => "OPTIONS",
            HttpMethod::Head => "HEAD",
            HttpMethod::Trace => "TRACE",
            _ => "POST",
        }
    }
}

/// One page or file for people and their tools, which has no row in the API's document.
pub struct Page {
    /// The path, with `{name}` for its parameters.
    pub path: &'static str,
    /// The method's name.
    pub method: &'static str,
    /// What it needs: nothing, or the operator, who else is led to the login.
    pub need: Need,
    pub(crate) handler: MethodRouter<AppState>,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Page {
    pub(crate) fn get<H: Handler<T, AppState>, T: 'static>(path: &'static str, need: Need, handler: H) -> Self {
        Self { path, method: "GET", need, handler: on(MethodFilter::GET, handler) }
    }

    pub(crate) fn post<H: Handler<T, AppState>, T: 'static>(path: &'static str, need: Need, handler: H) -> Self {
        Self { path, method: "POST", need, handler: on(MethodFilter::POST, handler) }
    }
}

/// Every page of the console.
pub fn console_table() -> Vec<Page> {
    crate::pages::table()
}

/// Every route of the public listener.
pub fn public_table() -> Vec<Page> {
    let mut table = tiles::table();
    table.extend(crate::witness::table());
    table.extend(crate::public::table());
    table.extend(invitations::table());
    table
}

fn row<P, H, T>(need: Need, _documented: P, handler: H) -> Option<Route>
where
    P: utoipa::Path + utoipa::__dev::SchemaReferences,
    H: Handler<T, AppState>,
    T: 'static,
{
    let method = P::methods().into_iter().next()?;
    let mut schemas = Vec::new();
    P::schemas(&mut schemas);
    Some(Route { path: P::path(), need, operation: P::operation(), schemas, handler: on(filter(&method), handler), method })
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Trace => MethodFilter::TRACE,
        _ => MethodFilter::POST,
    }
}

/// Every route of the admin listener but the console's pages.
pub fn table() -> Vec<Route> {
    use Need::{Admin, Open, Operator, Read, Write};
    let rows = [
        row(Write, records::__path_submit, records::submit),
        row(Read, records::__path_list, records::list),
        row(Read, records::__path_one, records::one),
        row(Read, waiting::__path_list, waiting::list),
        row(Write, waiting::__path_remove, waiting::remove),
        row(Write, export::__path_disclose, export::disclose),
        row(Read, export::__path_bundle, export::bundle),
        row(Read, export::__path_proof, export::proof),
        row(Read, export::__path_statement, export::statement),
        row(Read, circles::__path_list, circles::list),
        row(Admin, circles::__path_create, circles::create),
        row(Read, circles::__path_one, circles::one),
        row(Admin, circles::__path_epoch, circles::epoch),
        row(Read, node_status::__path_node, node_status::node),
        row(Read, members::__path_list, members::list),
        row(Read, members::__path_one, members::one),
        row(Read, addresses::__path_list, addresses::list),
        row(Admin, addresses::__path_set, addresses::set),
        row(Read, resolutions::__path_list, resolutions::list),
        row(Admin, resolutions::__path_propose, resolutions::propose),
        row(Read, resolutions::__path_one, resolutions::one),
        row(Admin, resolutions::__path_vote, resolutions::vote),
        row(Read, resolutions::__path_order, resolutions::order),
        row(Admin, resolutions::__path_freeze, resolutions::freeze),
        row(Read, invitations::__path_list, invitations::list),
        row(Admin, invitations::__path_create, invitations::create),
        row(Admin, invitations::__path_remove, invitations::remove),
        row(Admin, keys::__path_create, keys::create),
        row(Read, logs::__path_list, logs::list),
        row(Read, logs::__path_one, logs::one),
        row(Read, logs::__path_behind, logs::behind),
        row(Read, equivocation::__path_file, equivocation::file),
        row(Read, audit::__path_begin, audit::begin),
        row(Read, audit::__path_newest, audit::newest),
        row(Read, audit::__path_report, audit::report),
        row(Read, charter::__path_show, charter::show),
        row(Read, charter::__path_list, charter::list),
        row(Read, charter::__path_file, charter::file),
        row(Read, verify::__path_verify, verify::verify),
        row(Operator, tokens::__path_create, tokens::create),
        row(Operator, tokens::__path_list, tokens::list),
        row(Operator, tokens::__path_remove, tokens::remove),
        row(Open, sessions::__path_login, sessions::login),
        row(Operator, sessions::__path_logout, sessions::logout),
        row(Read, __path_document, document),
        row(Open, health::__path_healthz, health::healthz),
        row(Read, health::__path_readyz, health::readyz),
        row(Read, metrics::__path_metrics, metrics::metrics),
    ];
    rows.into_iter().flatten().collect()
}

/// The router of the admin listener.
pub fn admin_router(state: AppState) -> Router {
    let mut router = Router::new();
    for route in table() {
        let door = Arc::new(route.door());
        let guarded = route.handler.route_layer(from_fn_with_state((state.clone(), door), guard::entitled));
        router = router.route(&route.path, guarded);
    }
    for Page { path, need, handler, .. } in console_table() {
        let handler = if need == Need::Open { handler } else { handler.route_layer(from_fn_with_state(state.clone(), crate::pages::signed_in)) };
        router = router.route(path, handler);
    }
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(state.clone(), guard::addressed))
        .layer(from_fn(guard::framed))
        .layer(from_fn_with_state(state.clone(), metrics::counted))
        .layer(from_fn(guard::hardened))
        .with_state(state)
}

/// The router of the public listener.
pub fn public_router(state: AppState) -> Router {
    let mut router = Router::new();
    for Page { path, handler, .. } in public_table() {
        router = router.route(path, handler);
    }
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(guard::framed))
        .layer(from_fn_with_state(state.clone(), metrics::counted))
        .layer(from_fn(guard::hardened))
        .with_state(state)
}

async fn wrong_method() -> Problem {
    Problem::new(crate::problem::Kind::Method, "the header `Allow` lists the methods of this path")
}

/// The OpenAPI 3.1 document of the table.
pub fn openapi() -> OpenApi {
    let mut paths = Paths::new();
    let mut components = ComponentsBuilder::new();
    let mut problems = Vec::new();
    <Document as utoipa::ToSchema>::schemas(&mut problems);
    components = components.schema("Problem", <Document as utoipa::PartialSchema>::schema());
    for Route { path, method, need, operation, schemas, .. } in table() {
        for (name, schema) in schemas.into_iter().chain(problems.drain(..)) {
            components = components.schema(name, schema);
        }
        paths.add_path_operation(path, vec![method], described(operation, need));
    }
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("suyuan_MEMBER")));
    components = components.security_scheme("bearer", bearer).security_scheme("session", session);
    let info = InfoBuilder::new().title("Suyuan node API").version(env!("CARGO_PKG_VERSION"));
    OpenApiBuilder::new().info(info.build()).paths(paths).components(Some(components.build())).build()
}

/// Adds what holds for every operation: who may call it, and what a refusal looks like.
fn described(mut operation: Operation, need: Need) -> Operation {
    let scheme = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    operation.security = Some(match need {
        Need::Open => vec![SecurityRequirement::default()],
        Need::Operator => vec![scheme("session")],
        Need::Read | Need::Write | Need::Admin => vec![scheme("bearer"), scheme("session")],
    });
    let needs = format!("Needs: `{}`.", need.name());
    operation.description = Some(operation.description.map_or_else(|| needs.clone(), |text| format!("{text}\n\n{needs}")));
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let refused = ResponseBuilder::new().description("Refused, or failed: a problem document (RFC 9457).").content(MEDIA_TYPE, content).build();
    operation.responses.responses.insert("default".into(), RefOr::T(refused));
    operation
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "node", responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object)))]
async fn document() -> Result<axum::response::Response, Problem> {
    use axum::response::IntoResponse;
    let text = openapi().to_json().map_err(|error| Problem::internal(&error))?;
    Ok(([(axum::http::header::CONTENT_TYPE, "application/json")], text).into_response())
}
