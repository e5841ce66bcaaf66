//! What the program prints and how it exits.

use std::process::{Command, Output};

use manager_tests::processes::program;

/// Runs a command with these settings and no others.
fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).env_clear().envs(settings.iter().copied());
    command.current_dir(std::env::temp_dir()).output().expect("the program runs")
}

#[test]
fn the_configuration_is_printed_before_what_is_wrong_with_it() {
    let output = run(&["config"], &[("MANAGER_DATA_DIR", "elsewhere")]);
    let all = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(all.contains("elsewhere/root.key"), "{all}");
    let secret = "postgres://u:geheim@db/x?sslpassword=geheim&password=geheim";
    for (settings, complaint) in [
        ([("MANAGER_MODE", "production"), ("DATABASE_URL", secret)], "MANAGER_ROOT_KEY_FILE holds nothing"),
        ([("MANAGER_MODE", "prod"), ("DATABASE_URL", secret)], "MANAGER_MODE holds `prod`"),
        ([("MANAGER_MODES", "production"), ("DATABASE_URL", secret)], "MANAGER_MODES is no setting"),
    ] {
        let output = run(&["config"], &settings);
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let line = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(line.starts_with(&format!("manager: {complaint}")) && line.lines().count() == 1, "{line}");
        assert_eq!(printed.lines().count(), all.lines().count(), "{printed}");
        assert!(printed.contains("MANAGER_SMTP_URL") && !printed.contains("geheim"), "{printed}");
    }
}
