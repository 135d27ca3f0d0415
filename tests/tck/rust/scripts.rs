//! Scripts: what commands tell the aggregate to do.

use std::time::Duration;

use angzarr_runtime::{Aggregate, Context, Payload, Refused, Rejection};
use angzarr_tests::tck::v1::app::Scripts;
use angzarr_tests::tck::v1::{
    Asked, AskedMany, Began, Changed, Choose, Compensated, ContextShown, Counted, Detail, Dropped, GetScript,
    Happening, Kept, Noted, Paired, Received, Recorded, Refusal, Run, RunLater, RunNumbered, Script, Serve,
    ShowContext, Slept, Told,
};

/// Does as it is told.
#[derive(Aggregate, Debug)]
#[aggregate(Scripts)]
pub(crate) struct Rules;

impl Scripts for Rules {
    fn perform(&self, script: &Script, command: Run, _: &Context) -> Result<Vec<Happening>, Rejection> {
        panics(&command.panic);
        refuses(command.refuse)?;
        let times = usize::try_from(command.times.max(1)).unwrap_or(usize::MAX);
        let mut events: Vec<_> = std::iter::repeat_n(command.emit, times).flatten().collect();
        if command.count {
            events.push(Counted { before: script.events }.into());
        }
        Ok(events)
    }

    fn perform_numbered(&self, _: &Script, command: RunNumbered, _: &Context) -> Result<Vec<Happening>, Rejection> {
        Ok(command.emit)
    }

    async fn perform_later(&self, _: &Script, command: RunLater, _: &Context) -> Result<Vec<Happening>, Rejection> {
        tokio::time::sleep(Duration::from_millis(command.after)).await;
        Ok(command.emit)
    }

    fn pick(&self, _: &Script, command: Choose, _: &Context) -> Result<Happening, Rejection> {
        Ok(command.happening.unwrap_or_default())
    }

    fn show(&self, _: &Script, command: ShowContext, cx: &Context) -> Result<ContextShown, Rejection> {
        Ok(ContextShown {
            domain: cx.domain().to_owned(),
            root: cx.root().to_string(),
            key: cx.key().to_owned(),
            correlation_id: cx.correlation_id().to_owned(),
            now: Some(cx.now()),
            ids: (0..command.ids).map(|_| cx.new_id().to_string()).collect(),
        })
    }

    fn record(&self, _: &Script, fact: Recorded, _: &Context) -> Vec<Happening> {
        panics(&fact.panic);
        fact.follow
    }

    fn on_serve_refused(&self, _: &Script, refused: Refused<Serve>, _: &Context) -> Compensated {
        Compensated { target: refused.command.target, rejection: Some(received(refused.rejection)) }
    }

    fn get(&self, script: &Script, query: GetScript, _: &Context) -> Result<Script, Rejection> {
        refuses(query.refuse)?;
        Ok(script.clone())
    }

    fn apply_noted(script: &mut Script, event: Noted) {
        script.events += 1;
        script.texts.push(event.text);
    }

    fn apply_counted(script: &mut Script, _: Counted) {
        script.events += 1;
    }

    fn apply_kept(script: &mut Script, event: Kept) {
        script.events += 1;
        script.kept = event.values;
    }

    fn apply_changed(script: &mut Script, _: Changed) {
        script.events += 1;
    }

    fn apply_dropped(script: &mut Script, _: Dropped) {
        script.events += 1;
    }

    fn apply_paired(script: &mut Script, _: Paired) {
        script.events += 1;
    }

    fn apply_asked(script: &mut Script, _: Asked) {
        script.events += 1;
    }

    fn apply_asked_many(script: &mut Script, _: AskedMany) {
        script.events += 1;
    }

    fn apply_slept(script: &mut Script, _: Slept) {
        script.events += 1;
    }

    fn apply_began(script: &mut Script, _: Began) {
        script.events += 1;
    }

    fn apply_told(script: &mut Script, _: Told) {
        script.events += 1;
    }

    fn apply_context_shown(script: &mut Script, _: ContextShown) {
        script.events += 1;
    }

    fn apply_recorded(script: &mut Script, event: Recorded) {
        script.events += 1;
        script.texts.push(event.text);
    }

    fn apply_compensated(script: &mut Script, event: Compensated) {
        script.events += 1;
        script.texts.push(event.target);
    }
}

/// Panics with a text, unless it is empty.
#[expect(clippy::panic, reason = "scripts want to see what becomes of it")]
pub(crate) fn panics(text: &str) {
    if !text.is_empty() {
        panic!("{text}");
    }
}

/// Refuses if it is told to.
pub(crate) fn refuses(refusal: Option<Refusal>) -> Result<(), Rejection> {
    let Some(Refusal { reason, message, metadata, detail }) = refusal else { return Ok(()) };
    let reason = angzarr_tests::tck::v1::Reason::try_from(reason).unwrap_or_default();
    let mut rejection = Rejection::new(reason, message);
    rejection.metadata.extend(metadata);
    rejection.detail = (!detail.is_empty()).then(|| Box::new(Payload::named(&Detail { text: detail })));
    Err(rejection)
}

/// What came of a rejection.
pub(crate) fn received(rejection: Rejection) -> Received {
    let Rejection { code, message, metadata, detail } = rejection;
    let detail = detail.and_then(|detail| detail.decode::<Detail>().ok());
    let detail = detail.map(|detail| detail.text).unwrap_or_default();
    Received { code, message, metadata: metadata.into_iter().collect(), detail }
}
