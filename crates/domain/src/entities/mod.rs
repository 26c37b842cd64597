//! Entities: what has an id and a life. No rules about when they change; those are the process's and the use cases'.

mod api_key;
mod channel;
mod contact;
mod conversation;
mod message;
mod quota;
mod window;

pub use api_key::*;
pub use channel::*;
pub use contact::*;
pub use conversation::*;
pub use message::*;
pub use quota::*;
pub use window::*;

/// Gives an enum of plain words its text form in both directions, so that rows and bodies spell it alike.
macro_rules! worded {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that stands in rows and bodies.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word back; `None` for any other text.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use worded;
