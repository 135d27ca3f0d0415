//! `angzarr events`.

use angzarr_runtime::proto::{self, stream_query::AsOf};
use clap::Args;
use tonic::Streaming;

use super::messages::Messages;
use super::table::{plain, print_table};
use super::values::{Then, event, event_json, root, shown, stream};
use super::{Connection, Failed, Sidecar};
use crate::console::{Exit, is_lost, print, tell};

/// How many records of a stream a sidecar gives at a time, if it does not give all.
const PIECE: u32 = 1_000;

/// How many roots are asked for at a time.
const PAGE: u32 = 500;

#[derive(Args, Debug)]
pub(crate) struct Events {
    #[command(flatten)]
    connection: Connection,
    /// Domain of a stream.
    #[arg(requires = "key", conflicts_with_all = ["of_domain", "correlation"])]
    domain: Option<String>,
    /// Natural id of the stream, or its root.
    key: Option<String>,
    /// Begin with this sequence.
    #[arg(long, value_name = "SEQUENCE", requires = "key")]
    from: Option<u32>,
    /// End with this sequence.
    #[arg(long, value_name = "SEQUENCE", requires = "key", conflicts_with = "as_of")]
    to: Option<u32>,
    /// As the stream was then: at a time like 2030-01-31T12:00:00Z, or when this sequence was its last one.
    #[arg(long, value_name = "TIME|SEQUENCE", requires = "key")]
    as_of: Option<Then>,
    /// List the streams of this domain; with --follow, show its events.
    #[arg(long = "domain", value_name = "DOMAIN", conflicts_with = "correlation")]
    of_domain: Option<String>,
    /// List so many streams at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, requires = "of_domain", conflicts_with = "follow")]
    limit: u32,
    /// Show the events of this conversation.
    #[arg(long, value_name = "ID")]
    correlation: Option<String>,
    /// Go on with what comes, until Ctrl-C. Alone, show the events of all domains.
    #[arg(long, conflicts_with_all = ["to", "as_of"])]
    follow: bool,
}

pub(super) async fn run(arguments: &Events) -> Result<Exit, Failed> {
    let mut sidecar = arguments.connection.sidecar()?;
    let is_one = arguments.key.is_some() || arguments.correlation.is_some();
    match &arguments.of_domain {
        _ if arguments.follow => follow(arguments, &mut sidecar).await,
        Some(domain) => roots(arguments, &mut sidecar, domain).await,
        None if is_one => events(arguments, &mut sidecar).await,
        None => Err(Failed::Usage(
            "say what is wanted: a domain and a key, `--domain`, `--correlation`, or `--follow`".to_owned(),
        )),
    }
}

/// Events of one stream, or of a conversation, as they are now.
async fn events(arguments: &Events, sidecar: &mut Sidecar) -> Result<Exit, Failed> {
    let books = match &arguments.correlation {
        Some(correlation_id) => conversation(sidecar, correlation_id).await?,
        None => books(arguments, sidecar).await?,
    };
    let messages = Messages::of(sidecar).await?;
    let found = books.iter().flat_map(|book| book.pages.iter().map(move |page| (book.cover.as_ref(), page)));
    let found = found.filter(|(_, page)| is_event(page));
    if arguments.connection.is_for_programs() {
        found.for_each(|(cover, page)| print(&event_json(cover, page, &messages)));
        return Ok(Exit::Done);
    }
    let data = |page: &proto::EventPage| page.event.as_ref().map(|event| messages.json(event)).unwrap_or_default();
    let rows = found.map(|(cover, page)| {
        let at = format!("{} #{}", stream(cover), page.sequence);
        [page.position.to_string(), shown(page.created_at), at, event(page), data(page).to_string()]
    });
    print_table(["POSITION", "RECORDED", "STREAM", "EVENT", "DATA"], rows.collect());
    Ok(Exit::Done)
}

fn cover(arguments: &Events) -> Option<proto::Cover> {
    let (domain, key) = arguments.domain.clone().zip(arguments.key.clone())?;
    Some(proto::Cover { domain, key, ..proto::Cover::default() })
}

/// A stream, or the part of it that is wanted. A sidecar may give it piece by piece.
async fn books(arguments: &Events, sidecar: &mut Sidecar) -> Result<Vec<proto::EventBook>, Failed> {
    let as_of = arguments.to.map(AsOf::Sequence).or(arguments.as_of.map(AsOf::from));
    let mut first_sequence = arguments.from.unwrap_or_default();
    let mut books = Vec::new();
    loop {
        let query = proto::StreamQuery { cover: cover(arguments), first_sequence, as_of, ..Default::default() };
        let answer = sidecar.query.get_event_book(query).await;
        let book = sidecar.answer(answer)?;
        let next_sequence = book.next_sequence;
        // A piece without events is one of bookkeeping only.
        let last = book.pages.last().map(|page| page.sequence.saturating_add(1));
        first_sequence = last.unwrap_or_else(|| first_sequence.saturating_add(PIECE)).max(first_sequence);
        books.push(book);
        if first_sequence >= next_sequence {
            return Ok(books);
        }
    }
}

/// All books of a conversation, in the order of the log.
pub(super) async fn conversation(sidecar: &mut Sidecar, correlation_id: &str) -> Result<Vec<proto::EventBook>, Failed> {
    let request = proto::GetConversationRequest { correlation_id: correlation_id.to_owned() };
    let answer = sidecar.query.get_conversation(request).await;
    let mut stream = sidecar.answer(answer)?;
    let mut books = Vec::new();
    while let Some(book) = next(sidecar, &mut stream).await? {
        books.push(book);
    }
    Ok(books)
}

async fn next(sidecar: &Sidecar, stream: &mut Streaming<proto::EventBook>) -> Result<Option<proto::EventBook>, Failed> {
    stream.message().await.map_err(|status| sidecar.failed(status))
}

fn is_event(page: &proto::EventPage) -> bool {
    use proto::event_page::Kind;
    matches!(page.kind(), Kind::Event | Kind::Fact | Kind::Compensation)
}

async fn roots(arguments: &Events, sidecar: &mut Sidecar, domain: &str) -> Result<Exit, Failed> {
    let mut roots: Vec<proto::Root> = Vec::new();
    let wanted = arguments.limit as usize;
    let is_cut = loop {
        let after = roots.last().and_then(|root| root.cover.as_ref()?.root.clone());
        let request = proto::ListRootsRequest { domain: domain.to_owned(), after, limit: PAGE };
        let answer = sidecar.query.list_roots(request).await;
        let page = sidecar.answer(answer)?.roots;
        let is_last = page.len() < PAGE as usize;
        roots.extend(page);
        if is_last || roots.len() > wanted {
            break roots.len() > wanted;
        }
    };
    roots.truncate(wanted);
    let rows = roots.into_iter().map(|found| {
        let cover = found.cover.unwrap_or_default();
        (root(cover.root.as_ref()), cover.key, found.next_sequence)
    });
    if arguments.connection.is_for_programs() {
        for (root, key, next_sequence) in rows {
            let one = serde_json::json!({ "domain": domain, "key": key, "root": root, "next_sequence": next_sequence });
            print(&one);
        }
    } else {
        let rows = rows.map(|(root, key, next_sequence)| [key, root, next_sequence.to_string()]);
        print_table(["KEY", "ROOT", "RECORDS"], rows.collect());
    }
    if is_cut {
        tell(&"there are more; `--limit` says how many are listed");
    }
    Ok(Exit::Done)
}

/// The position behind which everything lies that is to be followed. So the sidecar need not go through the whole log for one
/// stream or conversation.
async fn beginning(arguments: &Events, sidecar: &mut Sidecar) -> Result<u64, Failed> {
    // First, since what is not there below comes behind it.
    let answer = sidecar.admin.list_consumers(proto::ListConsumersRequest {}).await;
    let head = sidecar.answer(answer)?.head;
    let first = if arguments.key.is_some() {
        let sequences = vec![arguments.from.unwrap_or_default()];
        let query = proto::StreamQuery { cover: cover(arguments), sequences, ..proto::StreamQuery::default() };
        let answer = sidecar.query.get_event_book(query).await;
        Some(sidecar.answer(answer)?)
    } else if let Some(correlation_id) = &arguments.correlation {
        let request = proto::GetConversationRequest { correlation_id: correlation_id.clone() };
        let answer = sidecar.query.get_conversation(request).await;
        next(sidecar, &mut sidecar.answer(answer)?).await?
    } else {
        return Ok(0);
    };
    let first = first.and_then(|book| book.pages.first().map(|page| page.position));
    Ok(first.map_or(head, |position| position.saturating_sub(1)))
}

/// What there is already, then what comes. A line is printed as it comes, so no column can fit the widest.
async fn follow(arguments: &Events, sidecar: &mut Sidecar) -> Result<Exit, Failed> {
    let messages = Messages::of(sidecar).await?;
    let wanted = proto::SubscribeRequest {
        after: beginning(arguments, sidecar).await?,
        correlation_id: arguments.correlation.clone().unwrap_or_default(),
        domains: arguments.of_domain.iter().chain(&arguments.domain).cloned().collect(),
        stream: cover(arguments),
    };
    let answer = sidecar.query.subscribe(wanted).await;
    let mut books = sidecar.answer(answer)?;
    while let Some(book) = next(sidecar, &mut books).await? {
        let from = arguments.from.unwrap_or_default();
        for page in book.pages.iter().filter(|page| page.sequence >= from) {
            if arguments.connection.is_for_programs() {
                print(&event_json(book.cover.as_ref(), page, &messages));
            } else {
                let data = page.event.as_ref().map(|event| messages.json(event)).unwrap_or_default();
                let stream = plain(&format!("{} #{}", stream(book.cover.as_ref()), page.sequence));
                let (position, recorded) = (page.position, shown(page.created_at));
                print(&format!("{position}  {recorded}  {stream}  {}  {}", event(page), plain(&data.to_string())));
            }
        }
        if is_lost() {
            break;
        }
    }
    Ok(Exit::Done)
}
