#include "lib/base/program.h"
#include "store/submission/daemon.h"

static const struct ph_program program = {
    .name = "posthub-submission",
    .section = "submission",
    .summary = "Mailbox Transport Submission: sends what is in Outboxes",
    .start = ph_submission_start,
    .stop = ph_submission_stop,
    .owner = {"delivery", "mailbox_user"},
};

int
main(int argc, char **argv)
{
	return ph_program_main(&program, argc, argv);
}
