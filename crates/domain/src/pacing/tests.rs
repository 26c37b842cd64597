//! One lane, two lanes, and what holds however late everybody is.

use super::*;
use proptest::prelude::*;

const START: i64 = 1_767_225_600_000;
const EVER: Timestamp = Timestamp::from_millis(i64::MAX);
/// What one message to one person costs, in milliseconds.
const PAIR: i64 = 6_200;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

fn lane(rate: Rate) -> Lane {
    Lane { rate, pace: Pace::default(), turn: None }
}

/// The paces as they are kept, and the messages before them.
struct Line {
    recipient: Option<Lane>,
    channel: Option<Lane>,
}

/// A message's own part of its lanes.
#[derive(Debug, Clone, Copy, Default)]
struct Turns {
    recipient: Option<i64>,
    channel: Option<i64>,
}

impl Line {
    fn pairs() -> Self {
        Self { recipient: Some(lane(Rate::pair())), channel: None }
    }

    fn per_second(most: u32) -> Self {
        Self { recipient: None, channel: Some(lane(Rate::per_second(most))) }
    }

    /// A message asks; how many milliseconds after the start it may go, if not now.
    fn ask(&mut self, turns: &mut Turns, now: i64) -> Option<i64> {
        let with = |lane: Option<Lane>, turn| lane.map(|lane| Lane { turn, ..lane });
        let lanes =
            Lanes { recipient: with(self.recipient, turns.recipient), channel: with(self.channel, turns.channel) };
        let (after, pass) = lanes.pass(at(now), EVER);
        (self.recipient, self.channel) = (after.recipient, after.channel);
        *turns = Turns {
            recipient: after.recipient.and_then(|lane| lane.turn),
            channel: after.channel.and_then(|lane| lane.turn),
        };
        match pass {
            Pass::Goes => None,
            Pass::Waits(until) => Some(until.as_millis() - START),
        }
    }

    /// The provider asks for time.
    fn hold_channel(&mut self, until: i64) {
        let pace = &mut self.channel.as_mut().expect("there is one").pace;
        pace.free_at = pace.free_at.max((START + until) * 1_000);
    }
}

#[test]
fn one_message_to_one_person_goes_at_once_and_the_next_ones_come_back_one_after_the_other() {
    let mut line = Line::pairs();
    let waits: Vec<_> = (0..4).map(|_| line.ask(&mut Turns::default(), 0)).collect();
    assert_eq!(waits, [None, Some(PAIR), Some(2 * PAIR), Some(3 * PAIR)]);
}

#[test]
fn whoever_has_a_turn_goes_at_it_and_a_newcomer_goes_after_all_that_wait() {
    let (mut line, mut second, mut newcomer) = (Line::pairs(), Turns::default(), Turns::default());
    line.ask(&mut Turns::default(), 0);
    line.ask(&mut second, 0);
    assert_eq!(line.ask(&mut newcomer, PAIR), Some(2 * PAIR));
    assert_eq!(line.ask(&mut second, PAIR), None);
    assert_eq!(line.ask(&mut newcomer, 2 * PAIR), None);
}

#[test]
fn after_one_that_was_late_the_whole_line_moves_and_keeps_its_order() {
    let (mut line, mut turns) = (Line::pairs(), [Turns::default(); 4]);
    for turn in &mut turns {
        line.ask(turn, 0);
    }
    assert_eq!(line.ask(&mut turns[1], PAIR + 700), None, "700 ms late");
    assert_eq!(line.ask(&mut turns[2], 2 * PAIR), Some(2 * PAIR + 700));
    assert_eq!(line.ask(&mut turns[3], 3 * PAIR), Some(3 * PAIR + 700));
    assert_eq!(line.ask(&mut turns[2], 2 * PAIR + 700), None);
    assert_eq!(line.ask(&mut turns[3], 3 * PAIR + 700), None);
}

#[test]
fn a_line_that_was_away_as_a_whole_does_not_come_back_in_one_instant() {
    let (mut line, mut turns) = (Line::pairs(), [Turns::default(); 5]);
    for turn in &mut turns {
        line.ask(turn, 0);
    }
    let back = 1_000_000;
    let waits: Vec<_> = turns[1..].iter_mut().map(|turn| line.ask(turn, back)).collect();
    assert_eq!(waits, [None, Some(back + PAIR), Some(back + 2 * PAIR), Some(back + 3 * PAIR)]);
}

#[test]
fn one_that_missed_its_turn_holds_up_those_behind_it_by_one_message_only() {
    let (mut line, mut turns) = (Line::pairs(), [Turns::default(); 5]);
    for turn in &mut turns {
        line.ask(turn, 0);
    }
    for n in [2, 3] {
        assert_eq!(line.ask(&mut turns[n], n as i64 * PAIR), None);
    }
    let missed = line.ask(&mut turns[1], 3 * PAIR + 100);
    assert_eq!(missed, Some(4 * PAIR));
    assert_eq!(line.ask(&mut turns[1], 4 * PAIR), None);
    assert_eq!(line.ask(&mut turns[4], 4 * PAIR), Some(5 * PAIR));
}

#[test]
fn a_message_that_must_wait_for_its_channel_keeps_those_to_the_same_person_behind_it() {
    let mut line = Line { recipient: Some(lane(Rate::pair())), channel: Some(lane(Rate::per_second(1))) };
    let other = &mut line.channel.as_mut().expect("there is one").pace;
    other.free_at = (START + 30_000) * 1_000;
    let (mut first, mut second) = (Turns::default(), Turns::default());
    assert_eq!(line.ask(&mut first, 0), Some(30_000));
    assert_eq!(line.ask(&mut second, 0), Some(30_000 + PAIR));
    assert_eq!((first.channel.is_some(), second.channel.is_some()), (true, false), "one asks the channel");
    assert_eq!(line.ask(&mut first, 30_000), None);
    assert_eq!(line.ask(&mut second, 30_000 + PAIR), None);
}

#[test]
fn those_who_wait_for_one_person_keep_nobody_else_waiting() {
    let mut line = Line { recipient: Some(lane(Rate::pair())), channel: Some(lane(Rate::per_second(80))) };
    for _ in 0..100 {
        line.ask(&mut Turns::default(), 0);
    }
    line.recipient = Some(lane(Rate::pair()));
    assert_eq!(line.ask(&mut Turns::default(), 0), None);
}

#[test]
fn a_channel_sends_in_no_second_more_than_it_may_and_wastes_little_of_it() {
    for most in [1_u32, 3, 20, 80, 999] {
        let (mut line, mut now, mut gone) = (Line::per_second(most), 0, Vec::new());
        while now < 10_000 {
            match line.ask(&mut Turns::default(), now) {
                None => gone.push(now),
                Some(_) => now += 1,
            }
            if let Some(lane) = &mut line.channel {
                // Nobody keeps a turn here: what is told apart is the pace alone.
                lane.pace.next_turn = 0;
            }
        }
        let most = most as usize;
        let fullest = gone.windows(most + 1).map(|some| some[most] - some[0]).min();
        assert!(fullest.is_none_or(|span| span >= 1_049), "{} in {fullest:?} ms at {most} a second", most + 1);
        assert!(gone.len() * 10 >= most * 90, "{} in ten seconds at {most} a second", gone.len());
    }
}

#[test]
fn where_only_the_provider_limits_nobody_waits_before_it_says_so_and_then_they_come_back_apart() {
    let mut line = Line { recipient: None, channel: Some(lane(Rate::unlimited())) };
    for _ in 0..1_000 {
        assert_eq!(line.ask(&mut Turns::default(), 0), None);
    }
    line.hold_channel(4_000);
    let mut turns = [Turns::default(); 3];
    let waits: Vec<_> = turns.iter_mut().map(|turn| line.ask(turn, 100)).collect();
    assert_eq!(waits, [Some(4_000), Some(4_050), Some(4_100)]);
    assert_eq!(line.ask(&mut turns[0], 4_000), None);
    assert_eq!(line.ask(&mut Turns::default(), 4_001), None, "who comes when it is over waits for nobody");
    line.hold_channel(9_000);
    assert_eq!(line.ask(&mut turns[1], 4_050), Some(9_000));
    assert_eq!(line.ask(&mut turns[2], 4_100), Some(9_050));
}

#[test]
fn a_turn_after_the_end_of_a_message_s_time_is_not_taken() {
    let lanes = Lanes { recipient: Some(lane(Rate::pair())), channel: None };
    let (lanes, _) = lanes.pass(at(0), EVER);
    assert_eq!(lanes.pass(at(0), at(PAIR)), (lanes, Pass::Waits(at(PAIR))));
    let (after, pass) = lanes.pass(at(0), at(PAIR + 1));
    assert_eq!(pass, Pass::Waits(at(PAIR)));
    assert_ne!(after, lanes);
}

#[test]
fn what_limits_a_channel_is_its_owner_s_word_and_on_whatsapp_the_recipient() {
    use ChannelKind::{Email, Sms, WhatsApp};
    let of = |kind, transport, most| {
        let rates = Rates::of(kind, transport, most);
        (rates.recipient.is_some(), rates.channel)
    };
    assert_eq!(of(WhatsApp, Transport::WhatsAppCloud, Some(80)), (true, Some(Rate::per_second(80))));
    assert_eq!(of(WhatsApp, Transport::Twilio, None), (true, Some(Rate::unlimited())));
    assert_eq!(of(Sms, Transport::Twilio, None), (false, Some(Rate::unlimited())));
    assert_eq!(of(WhatsApp, Transport::Sandbox, Some(5)), (false, Some(Rate::per_second(5))));
    for (kind, transport) in [(Email, Transport::Smtp), (Email, Transport::Sandbox), (WhatsApp, Transport::Sandbox)] {
        assert!(Rates::of(kind, transport, None).are_none(), "{kind} {transport}");
    }
}

proptest! {
    /// Messages to a few people on one channel come at any time, and each comes back as late as it likes.
    #[test]
    fn however_late_everybody_is_distances_hold_nobody_is_forgotten_and_few_ask_in_vain(
        messages in prop::collection::vec((0_usize..3, 0_i64..5_000), 1..25),
        lateness in prop::collection::vec(0_i64..9_000, 16),
        most in 1_u32..30,
    ) {
        let mut recipients = [Some(lane(Rate::pair())); 3];
        let mut channel = Some(lane(Rate::per_second(most)));
        // When each asks next.
        let mut asks: Vec<(i64, usize)> = messages.iter().enumerate().map(|(n, (_, at))| (*at, n)).collect();
        let (mut turns, mut gone, mut asked) = (vec![Turns::default(); messages.len()], Vec::new(), 0_usize);
        while let Some(next) = asks.iter().min().copied() {
            asks.retain(|ask| *ask != next);
            let (now, n) = next;
            let to = messages[n].0;
            let mut line = Line { recipient: recipients[to], channel };
            match line.ask(&mut turns[n], now) {
                None => gone.push((now, to)),
                Some(until) => {
                    prop_assert!(until > now);
                    asks.push((until + lateness[asked % lateness.len()], n));
                }
            }
            (recipients[to], channel) = (line.recipient, line.channel);
            asked += 1;
            prop_assert!(asked <= messages.len() * messages.len() * 3 + 10, "they ask without end");
        }
        prop_assert_eq!(gone.len(), messages.len());
        for to in 0..3 {
            let times: Vec<_> = gone.iter().filter(|one| one.1 == to).map(|one| one.0).collect();
            prop_assert!(times.windows(2).all(|two| two[1] - two[0] >= PAIR), "{:?}", times);
        }
        let all: Vec<_> = gone.iter().map(|one| one.0).collect();
        let most = most as usize;
        prop_assert!(all.windows(most + 1).all(|some| some[most] - some[0] >= 1_049), "{:?}", all);
    }

    /// Whoever is on time goes in the order of the first asking.
    #[test]
    fn who_comes_on_time_goes_in_order_and_asks_once_more_only(count in 2_usize..40, most in 1_u32..100) {
        let (mut line, mut turns) = (Line::per_second(most), vec![Turns::default(); count]);
        let mut times = Vec::new();
        for turn in &mut turns {
            times.push(line.ask(turn, 0).unwrap_or(0));
        }
        prop_assert!(times.is_sorted());
        for (turn, time) in turns.iter_mut().zip(&times).filter(|(_, time)| **time > 0) {
            prop_assert_eq!(line.ask(turn, *time), None);
        }
    }
}
