//! A line to people: an installation with one channel of SMS or WhatsApp, the provider that carries it, and the calls that
//! this provider makes, signed for the public address and sent to the real one.

use crate::carrier::{Carrier, HookCall, News, PUBLIC_URL, Sent, Voice};
use crate::client::{Answer, Client};
use crate::conditions::{AFTER_LEASES, SOON, eventually};
use crate::installation::{Demo, Installation, Server, announced};
use crate::postgres::Postgres;
use crate::process::Process;
use crate::production::production;
use crate::provider_server::ProviderServer;
use crate::temporal_server::TemporalServer;
use crate::twilio;
use crate::whatsapp;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The installation, its channel, and the provider.
pub struct Line {
    /// Who carries it.
    pub carrier: Carrier,
    /// The carrier's server.
    pub provider: ProviderServer,
    /// The installation.
    pub installation: Installation,
    /// What `init` made.
    pub demo: Demo,
    /// The channel.
    pub channel: String,
    /// Its API.
    pub server: Server,
    /// A client of it.
    pub client: Client,
    http: reqwest::Client,
    /// What delivers, if the server does not: a Temporal and a worker.
    pub engine: Option<(TemporalServer, Process)>,
}

impl Line {
    /// On SQLite and the embedded engine.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn open(carrier: Carrier) -> Result<Self> {
        Self::open_with(carrier, &[]).await
    }

    /// On SQLite and the embedded engine, with further variables.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn open_with(carrier: Carrier, environment: &[(&str, &str)]) -> Result<Self> {
        let provider = carrier.start().await?;
        let installation = reaching(Installation::new()?, &provider, environment);
        let demo = installation.init()?;
        let server = installation.serve().await?;
        Self::through(carrier, provider, installation, demo, server, None)
    }

    /// On PostgreSQL and Temporal: one process answers, another delivers; with further variables.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn open_in_production(carrier: Carrier, environment: &[(&str, &str)]) -> Result<Self> {
        let provider = carrier.start().await?;
        let (database, temporal) = (Postgres::shared().await?.database().await?, TemporalServer::start(&[]).await?);
        let reaching = reaching(Installation::new()?, &provider, environment);
        let installation = production(reaching, &database, &temporal.address);
        installation.ask(&["migrate"])?;
        let demo = installation.init()?;
        let server = installation.serve().await?;
        let worker = started_worker(&installation, &[]).await?;
        Self::through(carrier, provider, installation, demo, server, Some((temporal, worker)))
    }

    fn through(
        carrier: Carrier,
        provider: ProviderServer,
        installation: Installation,
        demo: Demo,
        server: Server,
        engine: Option<(TemporalServer, Process)>,
    ) -> Result<Self> {
        let channel = carrier.add_channel(&installation, &demo.workspace, &carrier.settings())?;
        let client = server.client(&demo)?;
        let http = reqwest::Client::builder().no_proxy().timeout(SOON).build()?;
        Ok(Self { carrier, provider, installation, demo, channel, server, client, http, engine })
    }

    /// The process that delivers.
    pub fn deliverer(&mut self) -> &mut Process {
        match &mut self.engine {
            Some((_, worker)) => worker,
            None => &mut self.server.process,
        }
    }

    /// Starts a process that delivers, with further variables, in place of one that is gone.
    ///
    /// # Errors
    /// It does not start.
    pub async fn deliver_again(&mut self, environment: &[(&str, &str)]) -> Result<()> {
        if let Some((_, worker)) = &mut self.engine {
            *worker = started_worker(&self.installation, environment).await?;
            return Ok(());
        }
        self.server = self.installation.serve_with(environment).await?;
        self.client = self.server.client(&self.demo)?;
        Ok(())
    }

    /// Composes to a number, which on WhatsApp writes first; comes back with the conversation.
    ///
    /// # Errors
    /// It is refused.
    pub async fn compose(&self, to: &str, text: &str) -> Result<String> {
        self.is_open_to(to).await?;
        let body = self.body(to, text);
        Ok(self.client.compose(&body).await?.composed()?.conversation()?.to_owned())
    }

    /// The body of such a compose.
    pub fn body(&self, to: &str, text: &str) -> Value {
        json!({ "workspaceId": self.demo.workspace, "channelId": self.channel, "contactPhone": to, "content": text })
    }

    /// On WhatsApp a text may leave once the contact has written.
    ///
    /// # Errors
    /// What it writes is not taken.
    pub async fn is_open_to(&self, number: &str) -> Result<()> {
        if self.carrier == Carrier::TwilioSms {
            return Ok(());
        }
        let id = format!("{}first{number}", self.carrier.prefix()).replace('+', "");
        let answer = self.tell(&News::Text(&id, number, "Is anybody there?")).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    }

    /// The message that was composed, once `wanted` holds for it.
    ///
    /// # Errors
    /// It does not in time.
    pub async fn message(&self, conversation: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let found = eventually("the message is as wanted", AFTER_LEASES, async || {
            let message = self.composed(conversation).await?;
            Ok(wanted(&message).then_some(message))
        });
        match found.await {
            Ok(message) => Ok(message),
            Err(error) => {
                let last = self.composed(conversation).await;
                let last = last.map_or_else(|error| format!("{error:#}"), |message| message.to_string());
                Err(error.context(last).context(self.standing().await))
            }
        }
    }

    /// How everything stands, for the text of a failure.
    async fn standing(&self) -> String {
        let mut told = vec![self.installation.open(), self.server.process.last_words()];
        told.push(self.server.tells("/readyz?verbose").await.unwrap_or_else(|error| format!("{error:#}")));
        if let Some((temporal, _)) = &self.engine {
            told.push(temporal.standing());
        }
        told.join("\n\n")
    }

    /// The message that was composed, once it has that status.
    ///
    /// # Errors
    /// It has not in time.
    pub async fn message_in(&self, conversation: &str, status: &str) -> Result<Value> {
        self.message(conversation, |message| message["status"] == status).await
    }

    /// The only message of ours in a conversation, as it stands.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub async fn composed(&self, conversation: &str) -> Result<Value> {
        let mut ours = self.messages(conversation).await?;
        ours.retain(|message| message["direction"] == "outbound");
        ensure!(ours.len() == 1, "{} messages", ours.len());
        Ok(ours.remove(0))
    }

    /// All messages of a conversation.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn messages(&self, conversation: &str) -> Result<Vec<Value>> {
        let answer = self.client.get(&format!("/api/conversations/{conversation}/messages")).await?;
        answer.body["data"].as_array().cloned().with_context(|| format!("{} {}", answer.status, answer.body))
    }

    /// A conversation as it stands.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn conversation(&self, conversation: &str) -> Result<Value> {
        Ok(self.client.get(&format!("/api/conversations/{conversation}")).await?.body)
    }

    /// The channel, as `overture channel list` tells it.
    ///
    /// # Errors
    /// It is not listed.
    pub fn listed_channel(&self) -> Result<Value> {
        let listed = self.installation.ask(&["channel", "list"])?;
        let channels = listed["items"].as_array().context("no items")?.clone();
        channels.into_iter().find(|channel| channel["id"] == self.channel.as_str()).context("the channel is not listed")
    }

    /// What the provider was handed for a number, in order.
    pub fn sent_to(&self, number: &str) -> Vec<Sent> {
        self.sent().into_iter().filter(|sent| sent.to == number).collect()
    }

    /// The one thing that the provider was handed for a number, once it has been.
    ///
    /// # Errors
    /// Nothing in time, or several.
    pub async fn one_sent_to(&self, number: &str) -> Result<Sent> {
        let what = format!("something is sent to {number}");
        let mut sent =
            eventually(&what, AFTER_LEASES, async || Ok(Some(self.sent_to(number)).filter(|sent| !sent.is_empty())))
                .await?;
        ensure!(sent.len() == 1, "{number} was sent {} messages", sent.len());
        Ok(sent.remove(0))
    }

    /// What the provider was handed, in order.
    pub fn sent(&self) -> Vec<Sent> {
        let delivered = self.provider.delivered();
        delivered
            .into_iter()
            .map(|one| {
                let (text, ours, body) = self.carrier.read(&one.asked.body);
                let to = one.to.trim_start_matches("whatsapp:").to_owned();
                Sent { id: one.id, to, text, ours, at: one.asked.at, body }
            })
            .collect()
    }

    /// The provider's own voice for this channel.
    pub fn voice(&self) -> Voice {
        let (secret, account) = match self.carrier {
            Carrier::TwilioSms | Carrier::TwilioWhatsApp => (twilio::TOKEN, twilio::ACCOUNT),
            Carrier::Cloud => (whatsapp::APP_SECRET, whatsapp::BUSINESS),
        };
        Voice { channel: self.channel.clone(), secret: secret.to_owned(), account: account.to_owned() }
    }

    /// A receipt of the provider is taken.
    ///
    /// # Errors
    /// It is not.
    pub async fn receipt(&self, sent: &Sent, status: &str, code: Option<u32>) -> Result<()> {
        let answer = self.tell(&News::Receipt(sent, status, code)).await?;
        ensure!(matches!(answer.status, 200 | 204), "{answer:?}");
        Ok(())
    }

    /// The provider tells something, in its own voice.
    ///
    /// # Errors
    /// No answer.
    pub async fn tell(&self, news: &News<'_>) -> Result<Answer> {
        self.call(self.carrier.call(&self.voice(), news)?).await
    }

    /// Somebody calls.
    ///
    /// # Errors
    /// No answer.
    pub async fn call(&self, call: HookCall) -> Result<Answer> {
        let mut request = self.http.post(format!("{}{}", self.server.url(), call.path)).body(call.body);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?;
        Ok(Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
    }
}

async fn started_worker(installation: &Installation, environment: &[(&str, &str)]) -> Result<Process> {
    let mut command = installation.command(&["worker", "--json"])?;
    command.envs(environment.iter().copied());
    let mut worker = installation.launch(command)?;
    announced(&mut worker).await?;
    Ok(worker)
}

/// An installation that takes this server for all providers.
fn reaching(installation: Installation, provider: &ProviderServer, environment: &[(&str, &str)]) -> Installation {
    // Tests of one program share a process, and only the first of them can do it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let reaching = installation
        .with("OVERTURE__PUBLIC_URL", PUBLIC_URL)
        .with("OVERTURE__TWILIO__BASE_URL", provider.url())
        .with("OVERTURE__WHATSAPP__BASE_URL", provider.url());
    environment.iter().fold(reaching, |installation, (name, value)| installation.with(name, value))
}
