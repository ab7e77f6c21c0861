//! The page of the control API in `docs`, from the table of operations.

use std::fmt::Write as _;

use super::table::{Gives, OPERATIONS, Operation};
use crate::api::Place;
use crate::control::PREFIX;

/// What does not follow from the table.
const HEAD: &str = "\
<!-- Derived from the table in src/server/control/table.rs. Change that; `cargo test` rewrites this page. -->

# The control API

What a running daemon can be asked and told, over HTTP and JSON. `tidegate status`, `trigger`, `off`, `on`, `cancel`, `logs`, `reload` and
`repl --attach` use it; so can you.

- **Where.** A Unix socket, `control.sock` in the data folder, which the daemon's own user alone can open; and the address of
  `[server]`, where that table is in the configuration. On Windows it is the address only.
- **Who.** Every request brings the daemon's token in `Authorization: Bearer …`, over the socket too. The daemon makes it when it first
  runs and keeps it in `control.token` of the data folder, readable by its user alone. To change it, delete the file and start the daemon
  again. It is not the token of `[server]`, which senders of webhooks have.
- **Not a page in a browser.** There is no CORS and the token is never taken from an address. What a browser sends for a page of another
  site is refused even with the token, and so is a request by a name that is not in `hosts`.
- **Errors** are `{\"error\": {…}}` with the fields of `Error`: 400 a wrong request, 401 no token, 403 a page of another site or a missing
  grant, 404 nothing of that name, 409 it does not run now, 429 `throttle`, 502 and 504 a service, 503 the daemon ends, or is
  busy and says in `Retry-After` when to ask again.
- Fields may be added; those named here keep their name and meaning under `/api/v1`.

```sh
curl --unix-socket data/control.sock -H \"Authorization: Bearer $(cat data/control.token)\" http://localhost/api/v1/status
```

Two paths stand outside and need no token of this API: `GET /healthz` (200 where the daemon is ready, else 503) and `GET /published/NAME`,
what a script publishes by `publish(\"NAME\", …)`, for routers and widgets; where `[server]` has a token, they bring that one.

The same as an OpenAPI document: [openapi.json](openapi.json), or `GET /api/v1/openapi.json`. What an operation gives is described there.
";

/// The page, as it is in `docs`.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut group = "";
    for operation in OPERATIONS {
        if operation.group != group {
            group = operation.group;
            let _ = write!(page, "\n## {group}\n");
        }
        describe(&mut page, operation);
    }
    page
}

fn describe(page: &mut String, operation: &Operation) {
    let (method, path) = (operation.method.word(), operation.path);
    let _ = write!(page, "\n### `{method} {PREFIX}{path}`\n\n{}", operation.doc);
    if !operation.note.is_empty() {
        let _ = write!(page, " {}", operation.note);
    }
    page.push_str("\n\n");
    if !operation.parameters.is_empty() {
        page.push_str("| parameter | in | type | |\n|---|---|---|---|\n");
        for one in operation.parameters {
            let place = match one.place {
                Place::Path => "path",
                Place::Query => "query",
                Place::Body | Place::Whole => "body",
            };
            let need = if one.required && one.place != Place::Path { " Required." } else { "" };
            let _ = writeln!(page, "| `{}` | {place} | {} | {}{need} |", one.name, one.ty, one.doc);
        }
        page.push('\n');
    }
    let given = match &operation.gives {
        Gives::One(shape) => format!("`{}`", shape.name),
        Gives::Begun(shape) => format!("202 and `{}`", shape.name),
        Gives::List(shape) => format!("a list of `{}`", shape.name),
        Gives::Stream(shape) => format!("events, each a `{}`", shape.name),
        Gives::Any => "an object".into(),
    };
    let _ = writeln!(page, "Gives {given}.");
}
