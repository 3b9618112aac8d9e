#include "sim/planted.hpp"

#include <algorithm>

#include "base/probe.hpp"
#include "sim/workload.hpp"

namespace ottla::sim {
namespace {

constexpr PlantedBug bugs[] = {
    {"expire_ambiguous_head", "a late batch with a number fails, and the next one gets that number"},
    {"epoch_not_bumped", "numbers begin anew under the old epoch"},
    {"bump_before_drained", "the epoch goes up while batches of the old one are in flight"},
    {"split_same_number", "both halves of a batch get the same number"},
    {"commit_is_abort", "now and then a transaction ends the other way"},
    {"commit_without_flush", "a commit does not wait for what is unacknowledged"},
    {"ignore_batch_failure", "a message that failed does not spoil its transaction"},
    {"forget_unsent_failure", "a message that failed before it was sent does not spoil its transaction"},
    {"lost_end_is_done", "EndTxn is taken for done when its answer was lost"},
    {"lost_offsets_are_done", "a group's offsets are taken for stored when the answer was lost"},
    {"epoch_of_end_ignored", "the epoch that EndTxn gives is not used"},
    {"forget_transaction_retry", "nothing wakes the transaction when a backoff is over"},
    {"new_leader_before_old_drained",
     "batches go to the new leader while others are unanswered at the old one"},
    {"in_flight_per_leader", "what is in flight at the old leader is forgotten when the leader moves"},
    {"more_than_five", "more batches of a partition are unresolved than a broker remembers"},
    {"retry_out_of_order", "the newest of the waiting batches is sent first"},
    {"forget_retry_timer", "nothing wakes the producer when a backoff is over"},
    {"reuse_sequence", "two batches get the same number"},
    {"lost_answer_is_success", "a batch whose answer was lost is reported as delivered"},
    {"complete_twice", "a batch is reported twice"},
    {"drop_one_reply", "an answer is thrown away and its request forgotten"},
    {"late_error_is_not_stored", "what a leader has stored before it gave up or lost its place is taken for not stored"},
    {"maybe_sent_is_never_sent", "a request that may have been done is taken for one that was not sent"},
    {"retry_under_new_identity", "a batch that may be stored is sent again under a new producer id"},
    {"partial_write_again", "a piece that was written in part is written again from its start"},
    {"drop_waiting_call", "calls that wait for a connection are dropped when it cannot be made"},
    {"lose_record_on_reencode", "a record is lost on its way into the partitions that became known"},
    {"commit_unfinished", "an automatic commit covers what the application is still working on"},
    {"commit_as_nobody", "a member that is not in its group commits as if it were no member"},
    {"old_generation_in_commits", "commits name the generation before"},
    {"start_at_reset", "a member begins where auto.offset.reset says, whatever is committed"},
    {"step_before_commits", "a member joins again before its commits are done"},
    {"close_without_commit", "closing does not commit what is done"},
    {"read_on_after_giving", "a cooperative member goes on reading what it has given up"},
    {"keep_what_is_lost", "an application is not told what it has lost"},
    {"keep_unknown_member_id", "a member that is not known any more comes again by its old name"},
    {"no_round_after_giving", "a cooperative member does not join again after it has given up partitions"},
    {"ignore_rebalance", "a heartbeat that tells of a rebalance is overheard"},
    {"ignore_growth", "a leader overlooks new partitions"},
    {"no_beats_in_steps", "no heartbeats while the application takes and gives"},
    {"old_beat_counts", "the answer to a heartbeat of the generation before counts"},
    {"never_expelled", "an application may stop polling and stay in the group"},
    {"forget_join_retry", "nothing wakes a member that is to try again to join"},
    {"acknowledge_too_early", "a member of the new protocol tells what it gives up before its application has"},
    {"forget_to_acknowledge", "a member of the new protocol does not tell that it has given up partitions"},
    {"keep_when_fenced", "an application is not told what its member lost when it was fenced (new protocol)"},
    {"keep_epoch_when_fenced", "a fenced member comes again in its old epoch"},
    {"join_before_lost_is_gone", "a fenced member joins again while its application still has what was lost"},
    {"old_epoch_in_commits", "commits name the member epoch before"},
    {"fetch_position_after_cut", "a fetch that failed moves the position"},
};

} // namespace

std::span<const PlantedBug> planted_bugs() {
    return bugs;
}

std::optional<Hit>
find_planted(const PlantedBug& bug, uint64_t first, uint64_t last, const std::vector<std::string>& names) {
    for (uint64_t seed = first; seed <= last; ++seed) {
        for (const Workload& workload : workloads()) {
            if (!names.empty() && std::find(names.begin(), names.end(), workload.name) == names.end())
                continue;
            probe::planted_bug = bug.name;
            probe::planted_passes = 0;
            RunResult result = workload.run({.seed = seed});
            probe::planted_bug = {};
            if (!result.violation.empty())
                return Hit{seed, std::string(workload.name), std::move(result.violation)};
        }
    }
    return std::nullopt;
}

} // namespace ottla::sim
