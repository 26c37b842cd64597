//! `just up`: PostgreSQL, Temporal with its web page, an API and a worker, all thrown away when it ends. For trying out
//! what production is made of; `deploy/compose.yaml` keeps what it is told.

use anyhow::{Context, Result};
use overture_tests::installation::{Installation, announced};
use overture_tests::postgres::Postgres;
use overture_tests::production::production;
use overture_tests::reserved_port::ReservedPort;
use overture_tests::temporal_server::TemporalServer;
use std::io::{Write, stdout};

#[tokio::main]
async fn main() -> Result<()> {
    let mut out = stdout();
    writeln!(out, "starting PostgreSQL and Temporal …")?;
    let postgres = Postgres::start(&[]).await?;
    let database = postgres.database().await?;
    let ui_port = ReservedPort::new()?;
    let ui = ui_port.http();
    let temporal = TemporalServer::start_with(&[], Some(ui_port)).await?;
    let installation = production(Installation::new()?, &database, &temporal.address);
    installation.ask(&["migrate"])?;
    let demo = installation.init()?;
    let api = installation.serve().await?;
    let mut worker = installation.launch(installation.command(&["worker", "--json"])?)?;
    announced(&mut worker).await?;

    writeln!(
        out,
        "\nOverture      {url}        (API page: {url}/docs)\n\
         Temporal      {temporal}        (web page: {ui}/namespaces/default/workflows)\n\
         PostgreSQL    {database}\n\
         outbox        {outbox}\n\
         API key       {key}\n\n\
         curl -i {url}/api/conversations/compose \\\n  -H \"Authorization: Bearer {key}\" -H \"Content-Type: application/json\" \\\n  \
         -d '{{\"workspaceId\":\"{workspace}\",\"channelId\":\"{channel}\",\"contactEmail\":\"jan.mueller@acme-customer.de\",\
         \"subject\":\"Hello\",\"content\":\"Dear Jan, hello.\"}}'\n\n\
         Ctrl-C ends and forgets all of it.",
        url = api.url(),
        temporal = temporal.address,
        outbox = installation.outbox().display(),
        key = demo.api_key,
        workspace = demo.workspace,
        channel = demo.email,
    )?;
    tokio::signal::ctrl_c().await.context("no Ctrl-C can be waited for")?;
    writeln!(out, "stopping …")?;
    Ok(())
}
