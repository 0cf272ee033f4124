#include "milters/transport/rules/action.h"

#include "lib/base/log.h"

/* Exchange writes event 4000 with a fixed lead-in. */
int
ph_action_log(const struct ph_action_run *run, struct ph_err *err)
{
	(void)err;
	ph_log(PH_LOG_INFO, run->mail->queue_id,
	       "rule \"%s\" says of message %s: %s", ph_object_name(run->rule),
	       run->mail->nmid, ph_object_text(run->rule, "LogEventText"));
	return 0;
}
