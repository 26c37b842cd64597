//! What every store owes, as tests: one behaviour per function, run by `store_contract!` on each adapter, so that a
//! failure reads `sqlite::the_same_key_twice_is_one_conversation`.
//!
//! A store's time cannot be set where it is a real database. So the suite never sets it: what must last is given an
//! hour, what must end is given a millisecond and looked at until it has ended.
//!
//! Refuses to look behind the ports: a table's shape is its adapter's own business.
#![expect(clippy::expect_used, clippy::panic, reason = "a contract is kept or the test panics")]

pub mod attempts;
pub mod contacts;
pub mod faults;
pub mod inbound;
pub mod managing;
pub mod openers;
pub mod opening;
pub mod paces;
pub mod quotas;
pub mod racing;
pub mod reading;
pub mod receipts;
pub mod registers;
pub mod repeating;
pub mod retention;
pub mod saving;
mod stage;
pub mod tenancy;
pub mod wakeups;

pub use stage::{Place, Stage, channel};

use async_trait::async_trait;
use overture_domain::ports::{
    ApiKeyRepo, ChannelRegistry, ChannelRepo, ContactRepo, ConversationRepo, DeliveryRepo, InboundRepo, Observatory,
    QuotaRepo, ReceiptRepo, RetentionRepo, TenantRepo, WakeupQueue,
};
use std::sync::Arc;
use std::time::Duration;

/// Every port of one store.
#[derive(Clone)]
#[expect(missing_docs, reason = "each is named after its port")]
pub struct StorePorts {
    pub contacts: Arc<dyn ContactRepo>,
    pub channels: Arc<dyn ChannelRepo>,
    pub registry: Arc<dyn ChannelRegistry>,
    pub conversations: Arc<dyn ConversationRepo>,
    pub deliveries: Arc<dyn DeliveryRepo>,
    pub receipts: Arc<dyn ReceiptRepo>,
    pub inbound: Arc<dyn InboundRepo>,
    pub quotas: Arc<dyn QuotaRepo>,
    pub keys: Arc<dyn ApiKeyRepo>,
    pub tenants: Arc<dyn TenantRepo>,
    pub wakeups: Arc<dyn WakeupQueue>,
    pub retention: Arc<dyn RetentionRepo>,
    pub observatory: Arc<dyn Observatory>,
}

impl StorePorts {
    /// The ports of a store that implements them all.
    pub fn of<S>(store: &S) -> Self
    where
        S: ContactRepo + ChannelRepo + ConversationRepo + DeliveryRepo + ReceiptRepo + InboundRepo + ApiKeyRepo,
        S: ChannelRegistry + QuotaRepo + TenantRepo + WakeupQueue + RetentionRepo + Observatory + Clone + 'static,
    {
        let store = Arc::new(store.clone());
        Self {
            contacts: store.clone(),
            channels: store.clone(),
            registry: store.clone(),
            conversations: store.clone(),
            deliveries: store.clone(),
            receipts: store.clone(),
            inbound: store.clone(),
            quotas: store.clone(),
            keys: store.clone(),
            tenants: store.clone(),
            wakeups: store.clone(),
            retention: store.clone(),
            observatory: store,
        }
    }
}

/// A store under test. It lives as long as its test.
#[async_trait]
pub trait StoreHarness: Send + Sync + 'static {
    /// A store of its own: ready, empty, shared with no other test.
    async fn empty() -> Self
    where
        Self: Sized;

    /// Its ports.
    fn ports(&self) -> StorePorts;

    /// The ports of the same store as a process finds it that starts now, after this one was killed.
    async fn reopened(&self) -> StorePorts;

    /// Lets a millisecond or a few of the store's time pass. A store with a clock of its own moves that.
    async fn pass_time(&self) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Runs the contract of stores on a harness (a type in scope that implements `StoreHarness`), in a module of tests.
#[macro_export]
macro_rules! store_contract {
    (@each $harness:ty; $($room:ident: $($behaviour:ident)+;)+) => {$($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            let stage = $crate::store_contract::Stage::set::<$harness>().await;
            $crate::store_contract::$room::$behaviour(&stage).await;
        }
    )+)+};
    ($module:ident, $harness:ty) => {
        mod $module {
            use super::*;

            $crate::store_contract!(@each $harness;
                opening:
                    what_was_opened_can_be_read
                    what_people_wrote_comes_back_byte_for_byte
                    both_kinds_of_author_come_back
                    messages_go_to_the_address_that_was_composed_whatever_the_contact_says
                    the_time_of_a_message_is_counted_from_the_commit
                    a_new_wakeup_belongs_to_the_process_that_opens
                    a_wakeup_claimed_at_birth_comes_free_when_its_claim_ends
                    what_was_opened_is_there_after_a_restart
                    a_channel_in_error_takes_new_conversations
                    opening_again_with_the_same_ids_writes_once
                    opening_again_among_others_spoils_none_of_them;
                contacts:
                    a_taken_address_makes_no_second_contact_and_writes_nothing
                    another_spelling_is_the_same_address
                    of_two_addresses_one_taken_is_enough_to_write_neither
                    one_contact_is_found_by_each_of_its_addresses
                    using_a_contact_as_it_is_leaves_its_version
                    a_contact_that_changed_meanwhile_is_not_used
                    a_contact_that_is_not_there_is_not_used
                    a_contact_gains_an_address_and_a_version
                    a_gained_address_comes_after_the_primary_one
                    an_address_of_somebody_else_is_not_gained_and_nothing_is_written
                    an_empty_name_is_filled
                    a_name_is_never_overwritten;
                repeating:
                    the_record_of_a_request_is_found_with_its_notices
                    the_same_key_twice_is_one_conversation
                    a_refused_opening_leaves_its_key_free
                    a_key_is_free_again_when_its_time_has_passed
                    an_unknown_outcome_asked_again_with_its_key_is_known
                    a_record_is_kept_for_its_whole_time
                    one_key_in_two_tenants_is_two_requests
                    only_records_whose_time_has_passed_are_swept
                    a_sweep_takes_no_more_than_its_batch;
                racing:
                    of_many_opens_to_one_new_address_one_makes_the_contact
                    of_many_opens_with_one_key_one_is_kept
                    many_opens_at_once_are_all_kept
                    a_member_that_loses_spoils_no_other
                    a_contact_may_be_used_by_many_at_once
                    of_many_who_change_one_contact_one_does
                    crossed_pairs_of_addresses_never_make_twins
                    two_processes_that_open_the_same_in_opposite_order_make_no_twins
                    the_same_opening_many_times_at_once_is_one
                    many_conversations_live_at_once_and_all_end;
                quotas:
                    no_more_are_opened_than_the_day_of_a_channel_allows
                    no_more_are_opened_to_one_contact_than_an_hour_allows
                    of_many_at_once_exactly_as_many_are_opened_as_there_is_room_for
                    what_is_refused_or_repeated_counts_nothing
                    a_member_without_room_spoils_no_other
                    looking_at_a_quota_counts_nothing
                    a_count_is_kept_while_its_period_lasts;
                tenancy:
                    a_conversation_of_another_tenant_does_not_exist
                    a_message_of_another_tenant_does_not_exist
                    a_contact_of_another_tenant_does_not_exist
                    a_contact_of_another_tenant_cannot_be_used
                    one_address_in_two_tenants_is_two_contacts
                    a_place_of_another_tenant_does_not_exist
                    a_channel_of_another_tenant_is_neither_listed_nor_switched
                    a_key_of_another_tenant_is_neither_listed_nor_revoked
                    a_workspace_of_another_tenant_is_not_listed;
                reading:
                    what_does_not_exist_is_absent_and_no_error
                    messages_are_read_after_a_position
                    the_newest_messages_come_first_and_no_more_than_asked
                    messages_that_stand_alike_are_read_no_more_than_asked
                    conversations_that_ask_for_a_person_are_read_with_what_they_ask_for
                    what_has_no_place_is_read_newest_first_and_no_more_than_asked
                    the_overview_counts_what_is_there
                    a_store_that_works_answers;
                attempts:
                    a_fresh_message_may_be_attempted_at_once
                    while_an_attempt_lives_nobody_else_begins_one
                    of_many_who_begin_at_once_one_may_send
                    an_attempt_whose_lease_ran_out_is_named_and_nothing_is_written
                    a_message_whose_time_has_passed_is_not_attempted
                    an_attempt_under_way_counts_more_than_the_end_of_its_time
                    a_lease_that_ran_out_counts_more_than_the_end_of_its_time
                    a_message_waits_for_its_next_attempt
                    the_end_of_its_time_counts_more_than_its_next_attempt
                    a_message_that_is_settled_or_unknown_has_nothing_to_send
                    a_second_attempt_has_the_next_number_and_sends_the_same
                    beginning_an_attempt_does_not_move_the_conversation
                    a_message_of_a_channel_that_is_switched_off_waits
                    the_end_of_its_time_counts_more_than_a_channel_that_waits
                    renewing_a_lease_prolongs_it
                    a_lease_that_just_ran_out_can_still_be_renewed
                    an_older_attempt_renews_nothing
                    an_attempt_that_ended_renews_nothing;
                saving:
                    a_change_decided_on_an_old_version_writes_nothing
                    a_sent_message_shows_when_and_as_what
                    a_failed_message_shows_why_and_asks_for_attention
                    attention_and_error_are_cleared_when_the_change_says_so
                    what_ended_settled_is_not_loaded_again
                    the_next_attempt_is_dated_by_the_database
                    a_next_attempt_may_lie_as_far_ahead_as_can_be_said
                    attempts_are_read_first_to_last_with_what_they_ran_into
                    an_attempt_ends_once
                    an_outcome_of_an_older_attempt_is_late
                    a_late_outcome_changes_nothing_else
                    a_late_success_clears_up_an_unclear_attempt
                    that_an_attempt_was_unclear_is_remembered
                    a_change_without_attempt_leaves_the_attempts_alone
                    of_many_changes_of_one_version_one_is_kept;
                paces:
                    messages_to_one_person_on_whatsapp_wait_their_turns_and_others_do_not
                    of_many_to_one_person_at_once_one_goes_and_the_others_have_turns_of_their_own
                    a_turn_is_kept_however_often_somebody_asks
                    a_turn_is_kept_over_a_restart
                    a_message_that_waits_its_turn_is_due_then
                    a_turn_after_the_end_of_its_time_is_not_taken
                    a_channel_lets_so_many_go_in_a_second
                    a_channel_without_limits_keeps_nobody_waiting
                    what_whatsapp_took_keeps_its_recipient_waiting_from_the_end_of_the_attempt
                    a_refusal_for_one_recipient_keeps_only_that_one_waiting
                    a_refusal_for_the_channel_keeps_all_of_it_waiting_and_no_other
                    what_was_refused_goes_before_those_who_came_later
                    the_time_of_a_message_that_waits_its_turn_stands_still_in_a_pause
                    the_time_of_a_message_without_a_turn_stands_still_in_a_pause
                    who_waits_for_a_turn_gets_another_when_the_limit_is_changed
                    who_loses_the_race_for_a_probe_has_used_no_pace
                    paces_that_keep_nobody_waiting_are_swept;
                faults:
                    a_faulty_channel_is_in_error_and_says_why
                    a_fault_that_lasts_keeps_the_time_it_was_first_seen
                    messages_of_a_faulty_channel_wait_until_it_may_be_probed
                    one_message_at_a_time_probes_a_faulty_channel
                    a_probe_that_keeps_its_lease_keeps_others_waiting
                    a_fault_met_by_an_earlier_attempt_leaves_the_probe_under_way_alone
                    a_probe_that_vanished_makes_room_for_another
                    a_probe_that_learned_nothing_makes_room_for_another
                    a_channel_that_works_again_is_active_without_fault
                    conversations_that_waited_are_woken_when_their_channel_works
                    a_conversation_with_nothing_to_send_is_not_woken
                    messages_that_met_the_fault_are_due_when_their_channel_works
                    a_fault_leaves_other_channels_alone;
                receipts:
                    a_receipt_moves_its_message_and_stays_once
                    a_receipt_is_found_by_the_providers_id_and_by_ours
                    a_receipt_of_another_channel_is_nobodys
                    a_receipt_that_came_before_the_answer_is_news_when_the_attempt_ends
                    a_receipt_of_nobody_is_news_once_its_message_is_known
                    a_receipt_of_what_became_known_meanwhile_is_judged_again
                    a_receipt_judged_on_an_old_version_writes_nothing
                    of_many_equal_receipts_at_once_one_is_kept
                    many_receipts_of_one_message_in_one_call_leave_the_furthest_and_count_once
                    of_many_conversations_in_one_call_only_the_one_that_moved_is_judged_again
                    receipts_of_nobody_are_kept_beside_known_ones_in_one_call
                    equal_calls_at_once_with_many_conversations_leave_what_one_would
                    a_receipt_settles_an_unclear_attempt
                    a_failed_message_keeps_its_error_and_its_attention_when_an_older_attempt_is_heard_of
                    when_the_contact_wrote_is_dated_as_the_attempts_are
                    receipts_of_nobody_are_swept_when_their_time_has_passed;
                retention:
                    what_has_no_place_is_swept_when_its_time_has_passed
                    the_whole_of_what_a_contact_sent_is_forgotten_when_its_time_has_passed_and_the_message_stays;
                inbound:
                    what_a_contact_writes_stands_in_the_latest_conversation
                    the_same_message_twice_is_kept_once
                    of_many_equal_messages_at_once_one_is_kept
                    a_stranger_gets_a_contact_and_a_conversation
                    a_contact_that_is_known_is_not_made_again
                    a_message_placed_on_an_old_version_is_placed_again
                    a_second_conversation_is_not_begun_beside_one_that_goes_on
                    what_a_provider_calls_a_recipient_leads_to_their_conversation
                    a_sender_without_a_number_has_no_thread
                    a_channel_that_does_not_exist_has_no_thread
                    another_kind_is_kept_whole
                    what_a_provider_tells_in_a_contacts_place_is_kept_and_changes_nothing_else
                    what_has_no_place_is_kept_once_and_counted
                    what_waits_for_a_contact_is_due_when_it_writes
                    a_window_is_open_for_a_day_after_the_contact_wrote
                    a_text_leaves_as_written_only_while_the_window_is_open
                    a_text_that_a_template_carries_leaves_by_it_outside_the_window
                    a_template_that_was_asked_for_leaves_inside_the_window_too
                    what_is_held_waits_while_what_asks_the_contact_leaves
                    a_contact_is_asked_once_however_many_wait
                    what_was_to_be_held_leaves_at_once_if_the_contact_has_written_meanwhile
                    what_was_held_leaves_when_the_contact_writes_and_its_time_begins_then
                    a_wish_to_stop_cancels_what_was_held
                    what_is_held_too_long_is_over;
                openers:
                    what_waits_for_an_answer_is_in_vain_once_what_was_to_ask_has_failed
                    a_receipt_may_say_that_what_was_to_ask_has_failed
                    nobody_waits_in_vain_while_what_was_to_ask_may_have_arrived
                    who_joins_what_is_asked_while_it_fails_asks_anew_or_waits_in_vain
                    who_joins_what_is_asked_while_the_contact_answers_is_not_held;
                managing:
                    a_channel_is_shown_with_its_settings_and_the_names_of_its_secrets
                    channels_are_read_page_by_page
                    a_revision_changes_what_it_names_and_nothing_else
                    a_revision_of_an_old_version_writes_nothing
                    new_settings_let_a_channel_in_error_be_tried_at_once
                    a_verified_channel_is_active_without_fault_and_has_its_templates
                    what_waits_for_a_channel_is_due_when_it_is_verified
                    a_verification_of_other_settings_is_not_kept
                    templates_are_asked_for_once_in_their_time_and_not_before_the_first_verification
                    approved_templates_are_found_by_name_until_the_settings_change
                    a_channel_whose_provider_has_no_list_knows_nothing_of_templates
                    messages_of_a_paused_channel_wait_and_their_time_stands_still
                    a_message_whose_time_had_ended_before_the_pause_is_expired
                    a_resumed_channel_gives_back_the_time_it_stood_still_and_wakes_what_waits
                    pausing_twice_is_pausing_once
                    a_channel_of_another_tenant_is_not_managed;
                wakeups:
                    a_due_wakeup_is_claimed_once
                    a_claim_that_ended_can_be_claimed_again
                    a_claim_that_is_kept_stays
                    a_wakeup_that_is_gone_cannot_be_kept
                    a_settled_wakeup_is_gone
                    settling_an_older_wake_leaves_the_newer_one_and_it_is_due
                    wakes_settled_at_the_same_time_leave_what_is_newer
                    a_claim_with_a_newer_wake_cannot_be_kept
                    a_new_wake_is_newer_than_one_that_was_settled
                    a_resting_wakeup_comes_again_and_not_before_its_time
                    a_rest_may_last_as_long_as_can_be_said
                    a_rest_ends_at_once_if_a_newer_wake_came
                    a_wakeup_that_could_not_be_started_comes_again_with_its_tries_counted
                    a_wakeup_that_is_refused_marks_its_conversation_and_comes_again
                    what_is_due_and_stands_in_no_wakeup_is_woken
                    what_waits_for_a_channel_that_nobody_probes_is_woken
                    a_message_whose_time_has_passed_is_woken_whatever_its_channel_does
                    the_oldest_due_wakeup_is_claimed_first
                    no_more_than_the_limit_is_claimed
                    it_is_said_when_the_next_wakeup_is_due
                    no_two_claimers_get_the_same_wakeup
                    wakeups_are_there_after_a_restart;
                registers:
                    tenants_and_workspaces_are_listed_oldest_first
                    a_workspace_needs_its_tenant
                    a_place_is_found_with_its_channel
                    a_channel_of_another_workspace_is_not_in_this_place
                    a_channel_comes_back_as_it_was_added
                    what_a_channel_says_about_the_window_comes_back
                    a_channel_needs_its_workspace
                    channels_are_listed_oldest_first_by_workspace_or_all
                    settings_and_secrets_come_back_exactly
                    a_channel_is_switched_off_and_on
                    a_key_is_found_by_its_digest_with_all_it_may_do
                    keys_are_listed_newest_first
                    a_revoked_key_says_since_when_and_keeps_the_first_time;
            );
        }
    };
}
