//! Query parameters: every one is known and comes once, or the request is refused.

use crate::Code;
use crate::failure::Failure;
use crate::suggest::suggest;
use actix_web::web;
use overture_domain::ids::WorkspaceId;
use overture_domain::use_cases::ProblemCode;
use serde_json::json;

/// How many rows a page has where the request says nothing.
const PAGE: u32 = 50;
/// The most rows of a page.
const LARGEST_PAGE: u32 = 100;

/// The parameters of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PageQuery {
    pub(crate) limit: u32,
    pub(crate) cursor: Option<String>,
}

/// The parameters of the list of channels.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ChannelQuery {
    pub(crate) workspace: Option<WorkspaceId>,
    pub(crate) page: PageQuery,
}

impl ChannelQuery {
    pub(crate) fn parse(query: &str) -> Result<Self, Failure> {
        let [workspace, limit, cursor] = parameters(query, ["workspaceId", "limit", "cursor"])?;
        let workspace = workspace.map(|text| {
            WorkspaceId::parse(&text).ok_or_else(|| {
                let text = "workspaceId is not a UUID. Leave it out: each channel names its workspace.";
                Failure::new(Code::Problem(ProblemCode::InvalidWorkspaceId), text).at("workspaceId")
            })
        });
        let limit = limit.map_or(Ok(PAGE), |text| page(&text))?;
        Ok(Self { workspace: workspace.transpose()?, page: PageQuery { limit, cursor } })
    }
}

impl PageQuery {
    pub(crate) fn parse(query: &str) -> Result<Self, Failure> {
        let [limit, cursor] = parameters(query, ["limit", "cursor"])?;
        Ok(Self { limit: limit.map_or(Ok(PAGE), |text| page(&text))?, cursor })
    }
}

fn page(text: &str) -> Result<u32, Failure> {
    text.parse().ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit)).ok_or_else(|| {
        Failure::new(
            Code::InvalidLimit,
            format!("limit is no number from 1 to {LARGEST_PAGE}. Leave it out for {PAGE}."),
        )
        .at("limit")
        .details(json!({ "limit": LARGEST_PAGE }))
    })
}

/// The values of the known parameters; an empty one equals none.
fn parameters<const N: usize>(query: &str, known: [&'static str; N]) -> Result<[Option<String>; N], Failure> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query).map(web::Query::into_inner).unwrap_or_default();
    let mut values = [const { None }; N];
    for (name, value) in pairs {
        let Some(place) = known.iter().position(|known| *known == name) else { return Err(unknown(&name, &known)) };
        if values[place].replace(value).is_some() {
            return Err(
                Failure::new(Code::UnknownParameter, format!("{name} came more than once. Send it once.")).at(name)
            );
        }
    }
    Ok(values.map(|value| value.filter(|value| !value.is_empty())))
}

fn unknown(name: &str, known: &[&'static str]) -> Failure {
    let shown: String = name.chars().take(64).collect();
    let text = match suggest(name, known) {
        Some(meant) => format!("There is no parameter \"{shown}\". Did you mean {meant}?"),
        None => format!("There is no parameter \"{shown}\". The parameters are {}.", known.join(", ")),
    };
    Failure::new(Code::UnknownParameter, text).at(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_50_rows_unless_told_otherwise() {
        assert_eq!(PageQuery::parse("").unwrap(), PageQuery { limit: 50, cursor: None });
        assert_eq!(
            PageQuery::parse("limit=100&cursor=a%2Db").unwrap(),
            PageQuery { limit: 100, cursor: Some("a-b".into()) }
        );
        assert_eq!(PageQuery::parse("limit=&cursor=").unwrap(), PageQuery { limit: 50, cursor: None });
    }

    #[test]
    fn a_page_of_none_or_more_than_100_is_refused() {
        for query in ["limit=0", "limit=101", "limit=-1", "limit=ten", "limit=4294967297"] {
            assert_eq!(PageQuery::parse(query).unwrap_err().code(), Code::InvalidLimit, "{query}");
        }
    }

    #[test]
    fn an_unknown_parameter_or_one_twice_is_refused() {
        for query in ["limt=5", "offset=3", "limit=5&limit=5"] {
            assert_eq!(PageQuery::parse(query).unwrap_err().code(), Code::UnknownParameter, "{query}");
        }
    }
}
