//! Mail over TLS to a real server: what is trusted goes out encrypted, and what is not waits, with nothing said in clear.

use anyhow::{Result, ensure};
use overture_tests::conditions::{AFTER_LEASES, SOON, eventually};
use overture_tests::installation::Installation;
use overture_tests::mail_server::{MailServer, MailServerOptions, MailTls};
use serde_json::json;

/// A server that wants TLS and a password, first for somebody who does not trust it, then for somebody who does.
async fn waits_until_it_is_trusted(tls: MailTls) -> Result<()> {
    let options = MailServerOptions { password: Some("hunter2".into()), tls: Some(tls), ..Default::default() };
    let mail_server = MailServer::start_with(options).await?;
    let word = if tls == MailTls::Starttls { "starttls" } else { "tls" };
    let installation = Installation::new()?;
    let demo = installation.init()?;
    let settings = json!({ "host": "localhost", "tls": word, "username": "relay", "password": "hunter2" });
    let channel = installation.add_mail_channel(&demo, &mail_server, &settings)?;

    let server = installation.serve().await?;
    let client = server.client(&demo)?;
    client.compose(&demo.mail(&channel, "jan@example.com", "Over TLS")).await?.composed()?;
    let fault = async || {
        let listed = installation.ask(&["channel", "list"])?;
        let channels = listed["data"].as_array().cloned().unwrap_or_default();
        Ok(channels.into_iter().map(|channel| channel["fault"].clone()).find(|fault| fault["code"].is_string()))
    };
    let fault = eventually("the channel is in error", SOON, fault).await?;
    ensure!(fault["code"] == "tls_certificate", "{fault}");
    ensure!(server.stop().await?.success());
    ensure!(mail_server.events("auth")?.is_empty(), "a password was said to a server that is not trusted");
    ensure!(mail_server.mails()?.is_empty());

    let authority = mail_server.certificate();
    let installation = installation.with("OVERTURE__SMTP__CA_FILE", &authority.to_string_lossy());
    let server = installation.serve().await?;
    installation.settles(AFTER_LEASES).await?;
    let mails = mail_server.mails()?;
    let [mail] = mails.as_slice() else { anyhow::bail!("{} mails", mails.len()) };
    ensure!(mail.text("subject") == "Over TLS" && mail.facts["tls"] == true, "{}", mail.facts);
    ensure!(mail_server.events("auth")?.iter().all(|event| event["tls"] == true && event["good"] == true));
    ensure!(server.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn over_starttls_a_message_waits_until_the_servers_authority_is_trusted() {
    waits_until_it_is_trusted(MailTls::Starttls).await.unwrap();
}

#[tokio::test]
async fn over_implicit_tls_a_message_waits_until_the_servers_authority_is_trusted() {
    waits_until_it_is_trusted(MailTls::Implicit).await.unwrap();
}
