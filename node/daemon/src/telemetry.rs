//! Log lines on standard error: readable, or JSON with `SUYUAN_LOG_FORMAT=json`; levels by `SUYUAN_LOG`.

use tracing_subscriber::EnvFilter;

/// Starts logging. What is secret never reaches a log line: the types that hold secrets do not print them.
pub fn start() {
    let filter = EnvFilter::try_from_env("SUYUAN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var("SUYUAN_LOG_FORMAT").is_ok_and(|format| format == "json") {
        builder.json().init();
    } else {
        builder.with_ansi(false).init();
    }
}
