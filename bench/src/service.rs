//! A service under test: `overture serve` of an installation, and what its `/metrics` say.

use crate::client::{Template, get};
use crate::installation::Installation;
use crate::process::Process;
use anyhow::{Result, bail};
use overture_tests::reserved_port::ReservedPort;
use std::time::{Duration, Instant};

pub(crate) struct Service {
    pub(crate) address: String,
    /// From the start of the process to its first answer.
    pub(crate) first_answer_after: Duration,
    pub(crate) installation: Installation,
    pub(crate) process: Process,
}

impl Service {
    /// Starts it and waits for its first answer.
    pub(crate) async fn start(installation: Installation) -> Result<Self> {
        let port = ReservedPort::new()?;
        let address = format!("127.0.0.1:{port}");
        let mut command = installation.command();
        command.arg("serve").env("OVERTURE__HTTP__BIND", &address);
        let started = Instant::now();
        let process = Process::start(command)?;
        let mut service = Self { address, first_answer_after: Duration::ZERO, installation, process };
        service.answers("/healthz", "").await?;
        service.first_answer_after = started.elapsed();
        Ok(service)
    }

    /// Waits until it has found Temporal.
    pub(crate) async fn connected(&self) -> Result<()> {
        self.answers("/readyz?verbose", "Temporal answers").await
    }

    /// Waits for an answer with this in it.
    async fn answers(&self, path: &str, with: &str) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if get(&self.address, path).await.is_ok_and(|body| body.contains(with)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        bail!("the service did not answer {path} with `{with}` within 20 s")
    }

    /// What the composes of a load have in common.
    pub(crate) fn template(&self) -> Template {
        Template {
            address: self.address.clone(),
            api_key: self.installation.api_key.clone(),
            workspace: self.installation.workspace.clone(),
            channel: self.installation.email_channel.clone(),
        }
    }

    /// The sum of all samples of a metric, by name.
    pub(crate) async fn metric(&self, name: &str) -> Result<f64> {
        let text = get(&self.address, "/metrics").await?;
        let samples = text
            .lines()
            .filter_map(|line| line.rsplit_once(' '))
            .filter(|(key, _)| key.split('{').next() == Some(name));
        Ok(samples.filter_map(|(_, value)| value.parse::<f64>().ok()).sum())
    }

    /// Ends the process; what it kept stays.
    pub(crate) async fn stop(self) -> Result<Installation> {
        self.process.stop().await?;
        Ok(self.installation)
    }
}
