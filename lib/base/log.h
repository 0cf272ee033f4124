#ifndef PH_BASE_LOG_H
#define PH_BASE_LOG_H

#include <glib.h>
#include <stdbool.h>

/*
 * One line an event, to syslog (facility mail) or, in the foreground, to
 * standard error as "Nov 11 10:00:00 posthub-policy[123]: text". In Postfix's
 * manner a line about a message starts with its queue id. Thread-safe. The
 * destination is set once, before any thread starts.
 */
enum ph_log_level {
	PH_LOG_DEBUG, /* shown with -v only */
	PH_LOG_INFO,
	PH_LOG_WARN,  /* "warning: ": something is wrong, mail still flows */
	PH_LOG_ERROR, /* "error: ": somebody must act */
};

/* ident is borrowed for the life of the process. */
void ph_log_open(const char *ident, bool foreground, bool verbose);
/* Of a command: to standard error as "posthub: warning: text". */
void ph_log_open_command(const char *ident);

/* queue_id NULL or "": a line about no message. Control characters in the
 * text become '?'; text beyond 2,000 bytes is cut. */
void ph_log(enum ph_log_level level, const char *queue_id, const char *format,
	    ...) G_GNUC_PRINTF(3, 4);

#define ph_debug(...) ph_log(PH_LOG_DEBUG, NULL, __VA_ARGS__)
#define ph_info(...) ph_log(PH_LOG_INFO, NULL, __VA_ARGS__)
#define ph_warn(...) ph_log(PH_LOG_WARN, NULL, __VA_ARGS__)
#define ph_error(...) ph_log(PH_LOG_ERROR, NULL, __VA_ARGS__)

#endif
