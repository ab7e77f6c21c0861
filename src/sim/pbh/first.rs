//! The first run: while no token is set, and never again.

use serde_json::{Value, json};

use super::{Call, Handler, Outcome, downloaders, envelope};
use crate::sim::net::Answer;

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("oobe_init", init),
    ("oobe_test_downloader", |call| {
        open(call)?;
        downloaders::test(call)
    }),
    ("oobe_scan_downloader", |call| {
        open(call)?;
        Ok(call.ok(json!([])))
    }),
    ("oobe_test_database", test_database),
];

fn open(call: &Call<'_>) -> Result<(), Answer> {
    if call.state.hub.initialised {
        return Err(call.refuse(403, "The server is initialised; these routes are for the first run only"));
    }
    Ok(())
}

/// Sets the token and the first downloader.
fn init(call: &mut Call<'_>) -> Outcome {
    open(call)?;
    let body = call.json()?;
    let (Some(token), Value::Object(_)) = (body["token"].as_str(), &body["downloader"]) else {
        return Err(call.broken());
    };
    let client = downloaders::supervised(call, &body["downloader"])?;
    let hub = &mut call.state.hub;
    token.clone_into(&mut hub.token);
    hub.initialised = true;
    hub.clients.push(client);
    hub.restless = true;
    let data = if call.old() { Value::Null } else { json!([]) };
    Ok(envelope(call.old(), 201, json!("The server was initialised"), data))
}

/// Never answers where the connection works, as the real one: there is no other database here.
fn test_database(call: &mut Call<'_>) -> Outcome {
    open(call)?;
    let body = call.json()?;
    match body["type"].as_str() {
        None => Err(call.refuse(400, "The type of the database is missing")),
        Some("mysql" | "postgresql") => Err(call.refuse(400, "The database does not answer")),
        Some(_) => Ok(Answer::nothing()),
    }
}
