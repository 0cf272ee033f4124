#include "lib/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define TEXT_LIMIT 2000

/* Where lines go: set once by ph_log_open before there are threads, then only
 * read. syslog(3) is of the same kind. */
static struct {
	const char *ident;
	bool foreground;
	bool verbose;
	bool command; /* who typed it knows when, and which process it is */
} target = {"posthub", true, false, false};

static const struct {
	int priority;
	const char *prefix;
} levels[] = {
    [PH_LOG_DEBUG] = {LOG_DEBUG, ""},
    [PH_LOG_INFO] = {LOG_INFO, ""},
    [PH_LOG_WARN] = {LOG_WARNING, "warning: "},
    [PH_LOG_ERROR] = {LOG_ERR, "error: "},
};

void
ph_log_open(const char *ident, bool foreground, bool verbose)
{
	target.ident = ident;
	target.foreground = foreground;
	target.verbose = verbose;
	if (!foreground)
		openlog(ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
ph_log_open_command(const char *ident)
{
	ph_log_open(ident, true, false);
	target.command = true;
}

static void
write_line(const char *text)
{
	char stamp[32], line[TEXT_LIMIT + 256];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof stamp, "%b %e %H:%M:%S", &tm);
	n = target.command
		? snprintf(line, sizeof line, "%s: %s\n", target.ident, text)
		: snprintf(line, sizeof line, "%s %s[%d]: %s\n", stamp,
			   target.ident, (int)getpid(), text);
	/* One write a line, so that lines of several threads do not mix. A
	 * log that cannot be written must not stop the mail. */
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

void
ph_log(enum ph_log_level level, const char *queue_id, const char *format, ...)
{
	char text[TEXT_LIMIT], line[TEXT_LIMIT + 64];
	va_list ap;

	if (level == PH_LOG_DEBUG && !target.verbose)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	snprintf(line, sizeof line, "%s%s%s%s",
		 queue_id != NULL ? queue_id : "",
		 queue_id != NULL && *queue_id != '\0' ? ": " : "",
		 levels[level].prefix, text);
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	if (target.foreground)
		write_line(line);
	else
		syslog(levels[level].priority, "%s", line);
}
