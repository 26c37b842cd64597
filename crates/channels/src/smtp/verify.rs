//! Whether a mail server lets itself be connected to and logged in to: everything before the first message, and then QUIT.
//!
//! Not looked at: whether it would take mail from this sender; the first message tells.

use super::session::{Failure, Fault, Session, Stage};
use super::{SmtpOptions, SmtpSender};
use crate::settings::SmtpSettings;
use async_trait::async_trait;
use overture_domain::entities::ChannelConnection;
use overture_domain::ports::{ChannelVerifier, SendError, Verified, VerifyError};
use std::time::Duration;
use tokio::time::Instant;

/// The most that verifying takes: a person waits for it.
const LIMIT: Duration = Duration::from_secs(30);

#[async_trait]
impl ChannelVerifier for SmtpSender {
    async fn verify(&self, connection: &ChannelConnection) -> Result<Verified, VerifyError> {
        // What cannot be read has to be entered again.
        let settings = SmtpSettings::read(&connection.settings).ok_or(VerifyError::CredentialsRefused)?;
        let deadline = Instant::now() + self.options.timeout.min(SmtpOptions::LONGEST_TIMEOUT).min(LIMIT);
        let addresses = self.addresses(&settings, deadline).await.map_err(|error| unresolved(&error))?;
        let tls = self.tls_parameters(&settings).map_err(|failure| outcome(&failure))?;
        let mut last = VerifyError::Unreachable;
        for address in addresses {
            match Session::open(address, &settings, tls.clone(), deadline).await {
                Ok(session) => {
                    session.close();
                    return Ok(Verified::default());
                }
                Err(failure) if failure.stage == Stage::Connect => last = outcome(&failure),
                Err(failure) => return Err(outcome(&failure)),
            }
        }
        Err(last)
    }
}

/// A host without an address to connect to; also one that would get the password without TLS.
fn unresolved(error: &SendError) -> VerifyError {
    match error {
        SendError::Config(_) => VerifyError::AddressRefused,
        SendError::Rejected(_)
        | SendError::RateLimited { .. }
        | SendError::Unreachable(_)
        | SendError::Unavailable(_)
        | SendError::Unclear(_) => VerifyError::Unreachable,
    }
}

fn outcome(failure: &Failure) -> VerifyError {
    match (failure.stage, &failure.fault) {
        (Stage::Auth, Fault::Reply { code: 500..=599, .. }) => VerifyError::CredentialsRefused,
        (Stage::Connect, Fault::Lost(_)) | (_, Fault::TimedOut) => VerifyError::Unreachable,
        _ => VerifyError::UnexpectedAnswer,
    }
}
