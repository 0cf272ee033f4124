#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/base/uuid.h"
#include "store/delivery/mdb.h"
#include "store/mailbox/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* ---- the text ---------------------------------------------------------- */

static void
append_limit(GString *out, const char *what, int64_t bytes)
{
	if (ph_quota_is_limit(bytes))
		g_string_append_printf(out, "%s: %" PRId64 " KB\n", what,
				       bytes / 1024);
}

static void
append_header(GString *out, const char *address, const char *host, bool full,
	      int64_t now)
{
	const char *at = strrchr(address, '@');
	const char *domain = at ? at + 1 : host;
	char date[PH_MAIL_DATE], id[PH_UUID_TEXT];

	ph_uuid_random(id);
	ph_format_mail_date(now, date, sizeof(date));
	g_string_append_printf(out,
			       "Return-Path: <>\n"
			       "From: postmaster@%s\n"
			       "To: %s\n"
			       "Subject: Your mailbox is %s\n"
			       "Date: %s\n"
			       "Message-ID: <%s@%s>\n"
			       "Auto-Submitted: auto-generated\n"
			       "MIME-Version: 1.0\n"
			       "Content-Type: text/plain; charset=utf-8\n"
			       "Content-Transfer-Encoding: 8bit\n\n",
			       domain, address, full ? "full" : "almost full",
			       date, id, host);
}

static GString *
make_text(const char *address, const char *host,
	  const struct ph_quota_limits *limits, int64_t used, int64_t now)
{
	bool full = ph_quota_is_limit(limits->send) && used > limits->send;
	GString *out = g_string_new(NULL);

	append_header(out, address, host, full, now);
	if (full)
		g_string_append(out, "Your mailbox can't send messages now.\n");
	g_string_append(out, "Please reduce the size of your mailbox: delete "
			     "what you don't need, and\nempty the folder for "
			     "deleted items.\n\n");
	append_limit(out, "Size of your mailbox", used);
	append_limit(out, "You are warned above", limits->warning);
	append_limit(out, "You can't send above", limits->send);
	append_limit(out, "You can't receive above", limits->receive);
	return out;
}

/* ---- the file ---------------------------------------------------------- */

/* 0, or -1 with errno. */
static int
write_text(int tmp, const char *name, const GString *text,
	   const struct ph_perms *owner)
{
	int fd =
	    openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = -1;

	if (fd >= 0 && ph_file_write(fd, text->str, text->len) == 0 &&
	    ph_perms_give(fd, owner, false) == 0)
		r = fsync(fd);
	ph_path_close(&fd);
	return r;
}

/* Into the Inbox, whatever folder the message is in. 0, or -1 with errno. */
static int
put_text(const struct ph_mdb_mailbox *mailbox, const char *host,
	 const GString *text)
{
	int64_t now = g_get_real_time();
	g_autofree char *name =
	    g_strdup_printf("%" PRId64 ".M%dP%dR%08x.%s,S=%zu", now / 1000000,
			    (int)(now % 1000000), (int)getpid(), g_random_int(),
			    host, text->len);
	int new = ph_path_open(mailbox->dir, "new", false, NULL);
	int tmp =
	    ph_path_make(mailbox->dir, "tmp", &mailbox->owner, NULL, NULL);
	int r = -1, saved;

	if (new >= 0 && tmp >= 0 &&
	    write_text(tmp, name, text, &mailbox->owner) == 0)
		r = linkat(tmp, name, new, name, 0);
	saved = errno;
	if (tmp >= 0)
		unlinkat(tmp, name, 0);
	ph_path_close(&tmp);
	ph_path_close(&new);
	errno = saved;
	return r;
}

void
ph_mdb_warn(struct ph_mdb *mdb, const struct ph_mdb_mailbox *mailbox,
	    const struct ph_store_mailbox *wanted, const char *host,
	    int64_t now)
{
	const struct ph_quota_limits *limits = &wanted->quota;
	GMutex *mutex = ph_mdb_quota_mutex(mdb, mailbox);
	struct ph_quota used = {0, 0};
	struct ph_err err = PH_ERR_INIT;
	g_autoptr(GString) text = NULL;
	int r;

	g_mutex_lock(mutex);
	r = ph_quota_tell(mailbox->dir, ph_quota_notable(limits), now,
			  &mailbox->owner, &used, &err);
	g_mutex_unlock(mutex);
	if (r == 0)
		return;
	if (r == 1) {
		text =
		    make_text(wanted->address, host, limits, used.bytes, now);
		if (put_text(mailbox, host, text) < 0)
			r = ph_err_set(&err, PH_ERR_TEMP, "%s",
				       g_strerror(errno));
	}
	if (r < 0 || text == NULL) {
		ph_warn("database %s: the owner of mailbox %s is not warned of "
			"its size: %s",
			mdb->name, wanted->address, err.text);
		return;
	}
	ph_quota_put(mailbox->dir, (int64_t)text->len);
	ph_info("database %s: mailbox %s has %" PRId64
		" bytes: its owner is warned",
		mdb->name, wanted->address, used.bytes);
}
