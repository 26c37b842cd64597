//! The message senders: SMTP and the sandbox, behind one egress guard.
