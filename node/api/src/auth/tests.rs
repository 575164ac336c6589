//! Tokens, sessions, logins and the file, and what each of them refuses.

use std::os::unix::fs::PermissionsExt;

use super::*;

const NOW: u64 = 1_800_000_000_000;

fn auth() -> (tempfile::TempDir, Auth) {
    let folder = tempfile::tempdir().unwrap();
    let auth = Auth::open(&folder.path().join("auth.json")).unwrap();
    (folder, auth)
}

#[test]
fn a_token_is_kept_only_as_a_hash_and_survives_a_restart() {
    let (folder, auth) = auth();
    let (info, secret) = auth.add_token("erp", Rights::Write, NOW, NOW + 1000).unwrap();
    let path = folder.path().join("auth.json");
    let file = std::fs::read_to_string(&path).unwrap();
    assert!(!file.contains(&secret) && !file.contains(secret.rsplit_once('_').unwrap().1));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = Auth::open(&path).unwrap();
    assert_eq!(again.bearer(&secret, NOW), Ok(Principal::Token { id: info.id.clone(), rights: Rights::Write }));
    assert_eq!(again.tokens(), std::slice::from_ref(&info));
    assert_eq!(again.bearer(&secret, NOW + 1000), Err(Denied::Expired));
    assert!(again.remove_token(&info.id).unwrap());
    assert!(!again.remove_token(&info.id).unwrap());
    assert_eq!(Auth::open(&path).unwrap().bearer(&secret, NOW), Err(Denied::Unknown));
}

#[test]
fn no_other_text_is_the_token() {
    let (_folder, auth) = auth();
    let (info, secret) = auth.add_token("erp", Rights::Read, NOW, NOW + 1000).unwrap();
    let (_, other) = auth.add_token("mes", Rights::Read, NOW, NOW + 1000).unwrap();
    let swapped = format!("suyuan_{}_{}", info.id, other.rsplit_once('_').unwrap().1);
    let last = secret.len() - 1;
    for index in 0..=last {
        let mut wrong: Vec<u8> = secret.clone().into_bytes();
        wrong[index] = if wrong[index] == b'0' { b'1' } else { b'0' };
        let wrong = String::from_utf8(wrong).unwrap();
        assert!(wrong == secret || auth.bearer(&wrong, NOW) == Err(Denied::Unknown), "{wrong}");
    }
    for wrong in ["", "suyuan_", "suyuan__", &secret[..last], &format!("{secret}0"), &secret.to_uppercase(), &swapped, &format!(" {secret}")] {
        assert_eq!(auth.bearer(wrong, NOW), Err(Denied::Unknown), "{wrong}");
    }
}

#[test]
fn tokens_are_bounded_and_expired_ones_make_room() {
    let (_folder, auth) = auth();
    for _ in 0..limits::TOKENS {
        auth.add_token("erp", Rights::Read, NOW, NOW + 1000).unwrap();
    }
    assert_eq!(auth.add_token("erp", Rights::Read, NOW, NOW + 1000).unwrap_err(), AuthError::Full);
    auth.add_token("erp", Rights::Read, NOW + 1000, NOW + 2000).unwrap();
    assert_eq!(auth.tokens().len(), 1);
    for name in ["", "a\nb", &"x".repeat(limits::TOKEN_NAME + 1)] {
        assert_eq!(auth.add_token(name, Rights::Read, NOW, NOW + 1).unwrap_err(), AuthError::Name);
    }
}

#[tokio::test]
async fn logins_are_bounded_and_sessions_end() {
    let (_folder, auth) = auth();
    assert_eq!(auth.login("anything".into(), NOW).await, Err(LoginError::Wrong), "there is no operator yet");
    for bad in ["short", &"x".repeat(1025)] {
        assert_eq!(auth.set_operator(bad), Err(AuthError::Password));
    }
    auth.set_operator("correct horse").unwrap();
    let cookie = auth.login("correct horse".into(), NOW).await.unwrap();
    let idle = u64::try_from(limits::SESSION_IDLE.as_millis()).unwrap();
    assert_eq!(auth.session(&cookie, NOW + idle - 1), Ok(Principal::Operator));
    assert_eq!(auth.session(&cookie, NOW + 2 * idle - 1), Err(Denied::Expired));
    assert_eq!(auth.session(&cookie, NOW + 2 * idle - 1), Err(Denied::Unknown));
    for _ in 0..limits::LOGIN_FAILURES {
        assert_eq!(auth.login("wrong password".into(), NOW).await, Err(LoginError::Wrong));
    }
    let window = limits::LOGIN_WINDOW.as_secs();
    assert_eq!(auth.login("correct horse".into(), NOW).await, Err(LoginError::Wait(window)));
    let cookie = auth.login("correct horse".into(), NOW + window * 1000).await.unwrap();
    auth.logout(&cookie);
    assert_eq!(auth.session(&cookie, NOW + window * 1000), Err(Denied::Unknown));
}

#[test]
fn sessions_are_bounded_and_end_in_any_case() {
    let mut sessions = Sessions::default();
    let first = sessions.begin(NOW).unwrap();
    let second = sessions.begin(NOW).unwrap();
    sessions.touch(&first, NOW + 1).unwrap();
    for _ in 2..=limits::SESSIONS {
        sessions.begin(NOW + 2).unwrap();
    }
    assert_eq!(sessions.touch(&second, NOW + 2), Err(Denied::Unknown), "the one idle longest made room");
    let step = 60_000;
    let mut now = NOW + 2;
    let end = loop {
        now += step;
        if let Err(denied) = sessions.touch(&first, now) {
            break denied;
        }
    };
    assert_eq!((end, now - NOW > u64::try_from(limits::SESSION_LIFE.as_millis()).unwrap() - step), (Denied::Expired, true));
}

#[test]
fn damaged_and_newer_files_are_refused() {
    let (folder, auth) = auth();
    let path = folder.path().join("auth.json");
    auth.add_token("erp", Rights::Read, NOW, NOW + 1).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let bad = ["", "{", "[]", "{}", &good.replace("\"tokens\"", "\"token\""), &good.replace("read", "root"), &" ".repeat(2 << 20)];
    for bad in bad {
        std::fs::write(&path, bad).unwrap();
        assert!(matches!(Auth::open(&path), Err(AuthError::Damaged(_))), "{bad:.40}");
    }
    std::fs::write(&path, good.replace("\"version\": 1", "\"version\": 2")).unwrap();
    assert_eq!(Auth::open(&path).err(), Some(AuthError::Newer));
}

#[tokio::test]
async fn what_another_process_changes_counts_at_once() {
    let (folder, auth) = auth();
    let path = folder.path().join("auth.json");
    auth.set_operator("correct horse").unwrap();
    let cookie = auth.login("correct horse".into(), NOW).await.unwrap();
    let other = Auth::open(&path).unwrap();
    let (info, secret) = other.add_token("cli", Rights::Admin, NOW, NOW + 1000).unwrap();
    assert!(auth.bearer(&secret, NOW).is_ok());
    assert!(auth.session(&cookie, NOW).is_ok(), "a token ends no session");
    let (_, second) = auth.add_token("erp", Rights::Read, NOW, NOW + 1000).unwrap();
    assert!(other.bearer(&second, NOW).is_ok() && other.remove_token(&info.id).unwrap());
    assert_eq!(auth.bearer(&secret, NOW), Err(Denied::Unknown));
    other.set_operator("battery staple").unwrap();
    assert_eq!(auth.tokens().len(), 1);
    assert_eq!(auth.session(&cookie, NOW), Err(Denied::Unknown), "another password ends them");
    auth.login("battery staple".into(), NOW).await.unwrap();
    std::fs::write(&path, "{").unwrap();
    assert!(auth.bearer(&second, NOW).is_ok(), "a damaged file changes nothing");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(auth.bearer(&second, NOW), Err(Denied::Unknown));
}
