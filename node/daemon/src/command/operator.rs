//! `suyuan operator`: the password of the console.

use std::io::{BufRead, IsTerminal};

use serde_json::json;
use suyuan_api::auth::Auth;

use super::Place;
use crate::answer::{Answer, Failure};

/// File of tokens and operator in a data folder.
pub const AUTH_FILE: &str = "auth.json";

pub fn run(at: &Place<'_>) -> Result<Answer, Failure> {
    let auth = Auth::open(&at.data.join(AUTH_FILE)).map_err(Failure::local)?;
    let password = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("控制台口令 Password of the console: ").map_err(Failure::local)?
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(Failure::local)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    auth.set_operator(&password).map_err(Failure::local)?;
    Ok(Answer::new("The operator's password is set. It counts at once; sessions of an older one have ended.", json!({ "operator": true })))
}
