//! The harness of the black-box tests: the built binary, started as a person would start it, and the servers it talks to.
//! Owns processes, folders and waiting; refuses to know anything of the inside but the names of the tables.

pub mod binary;
pub mod canaries;
pub mod carrier;
pub mod client;
pub mod conditions;
pub mod echoes;
pub mod faults;
pub mod forgeries;
pub mod installation;
pub mod limits;
pub mod line;
pub mod load;
pub mod mail_server;
pub mod measurements;
pub mod moments;
pub mod ordeal;
pub mod paces;
pub mod places;
pub mod postgres;
pub mod process;
pub mod production;
pub mod provider_server;
pub mod proxy;
pub mod python;
pub mod randomness;
pub mod reserved_port;
pub mod rounds;
pub mod script;
pub mod system_calls;
pub mod temporal_server;
pub mod throwaway;
pub mod tls_front;
pub mod twilio;
pub mod verdict;
pub mod whatsapp;
