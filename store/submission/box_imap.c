#include "store/submission/box_imap.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "store/mailbox/path.h"
#include "store/submission/box_private.h"
#include "store/submission/due.h"
#include "store/submission/letter.h"
#include "store/submission/resent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct self {
	const struct ph_imap_server *server;
	struct ph_imap *imap;
};

static int
open_work(const char *root, const struct ph_box_name *name, struct ph_err *err)
{
	g_autofree char *database = ph_path_component(name->database);
	const char *const path[] = {database, name->domain, name->local, NULL};

	int fd = ph_box_root(root, err);
	int dir = fd < 0 ? -1 : ph_path_walk(fd, path, true, true, err);

	ph_path_close(&fd);
	return dir;
}

static void
imap_close(void *p)
{
	struct self *self = p;

	ph_imap_close(&self->imap);
	g_free(self);
}

int
ph_box_imap_open(const struct ph_imap_server *server, const char *root,
		 const struct ph_box_name *name, enum ph_imap_sign *sign_r,
		 struct ph_box **box_r, struct ph_err *err)
{
	g_autofree char *address = ph_box_name_address(name);
	struct self *self;
	int dir;

	if (sign_r != NULL)
		*sign_r = PH_IMAP_NO_SIGN;
	if (address == NULL)
		return 0;
	dir = open_work(root, name, err);
	if (dir < 0)
		return -1;
	*box_r = ph_box_new(&ph_box_imap, dir);
	(*box_r)->self = self = g_new0(struct self, 1);
	self->server = server;
	if (ph_box_work(*box_r, true, err) < 0 ||
	    ph_imap_open(server, address, sign_r, &self->imap, err) < 0) {
		ph_box_close(box_r);
		return -1;
	}
	return 1;
}

struct ph_imap *
ph_box_imap_session(const struct ph_box *box)
{
	return ((const struct self *)box->self)->imap;
}

static struct self *
self_of(struct ph_box *box)
{
	return box->self;
}

/* ---- names ------------------------------------------------------------- */

/* Selects the Outbox and finds the UID of a name in it. 1; 0: the Outbox has
 * another UIDVALIDITY by now; -1, also if it is not there: it may come back,
 * with all that was in it. */
static int
select_uid(struct ph_box *box, const char *name, uint32_t *uid_r,
	   struct ph_err *err)
{
	struct self *self = self_of(box);
	uint32_t validity;
	guint64 of, uid;
	const char *dot = strchr(name, '.');
	g_autofree char *first =
	    dot == NULL ? NULL : g_strndup(name, (gsize)(dot - name));
	int r;

	if (first == NULL ||
	    !g_ascii_string_to_unsigned(first, 10, 1, UINT32_MAX, &of, NULL) ||
	    !g_ascii_string_to_unsigned(dot + 1, 10, 1, UINT32_MAX, &uid, NULL))
		return 0;
	r = ph_imap_select(self->imap, self->server->outbox, &validity, err);
	*uid_r = (uint32_t)uid;
	if (r == 0)
		return ph_err_set(err, PH_ERR_TEMP, "there is no %s",
				  self->server->outbox);
	return r == 1 && validity != of ? 0 : r;
}

/* Under another name it is still there, and would be sent again if what is
 * known of it were forgotten: see ph_box_imap_renew. 1, -1. */
static int
select_same(struct ph_box *box, const char *name, uint32_t *uid_r,
	    struct ph_err *err)
{
	int r = select_uid(box, name, uid_r, err);

	return r == 0
		   ? ph_err_set(err, PH_ERR_TEMP, "%s has another UIDVALIDITY",
				self_of(box)->server->outbox)
		   : r;
}

/* Adds names of uids, without those of another list (NULL is fine). */
static void
add_names(GPtrArray *names, uint32_t validity, const GArray *uids,
	  const GArray *without)
{
	g_autoptr(GHashTable) set = g_hash_table_new(NULL, NULL);

	for (guint i = 0; without != NULL && i < without->len; i++)
		g_hash_table_add(
		    set, GUINT_TO_POINTER(g_array_index(without, uint32_t, i)));
	for (guint i = 0; i < uids->len; i++) {
		uint32_t uid = g_array_index(uids, uint32_t, i);

		if (!g_hash_table_contains(set, GUINT_TO_POINTER(uid)))
			g_ptr_array_add(names,
					g_strdup_printf("%" PRIu32 ".%" PRIu32,
							validity, uid));
	}
}

/* An empty Outbox, as most are, costs one command and a question at most. */
int
ph_box_imap_look(struct ph_box *box, GPtrArray **claimed_r,
		 GPtrArray **waiting_r, struct ph_err *err)
{
	struct self *self = self_of(box);
	g_autoptr(GArray) all = NULL, claimed = NULL;
	uint32_t validity;
	int r =
	    ph_imap_select(self->imap, self->server->outbox, &validity, err);

	if (r < 0 ||
	    (r == 1 && ph_imap_search(self->imap, "UNDELETED", &all, err) < 0))
		return -1;
	if (r == 1 && all->len > 0 &&
	    ph_imap_search(self->imap, "KEYWORD " PH_BOX_CLAIMED " UNDELETED",
			   &claimed, err) < 0)
		return -1;
	*claimed_r = g_ptr_array_new_with_free_func(g_free);
	*waiting_r = g_ptr_array_new_with_free_func(g_free);
	if (claimed != NULL) {
		add_names(*claimed_r, validity, claimed, NULL);
		add_names(*waiting_r, validity, all, claimed);
	}
	return r;
}

static int
imap_items(struct ph_box *box, GPtrArray **names_r, struct ph_err *err)
{
	g_autoptr(GPtrArray) waiting = NULL;

	return ph_box_imap_look(box, names_r, &waiting, err) < 0 ? -1 : 0;
}

/* ---- claiming ---------------------------------------------------------- */

static int
imap_claim(struct ph_box *box, const char *part, const char *name,
	   struct ph_err *err)
{
	uint32_t uid;
	int r = select_uid(box, name, &uid, err);

	(void)part;
	if (r != 1)
		return r;
	r = ph_imap_claim(self_of(box)->imap, uid, PH_BOX_CLAIMED, err);
	ph_fault(PH_FAULT_SUBMISSION_CLAIMED);
	return r;
}

/* While it waits it is its owner's, with all that was added to it gone. */
static int
imap_release(struct ph_box *box, const char *name, struct ph_err *err)
{
	uint32_t uid;
	int r = select_uid(box, name, &uid, err);

	if (r < 0)
		return -1;
	if (r == 1 &&
	    ph_imap_flag(self_of(box)->imap, uid, '-', PH_BOX_CLAIMED, err) < 0)
		return -1;
	ph_fault(PH_FAULT_SUBMISSION_RELEASED);
	return r;
}

/* ---- our own copy ------------------------------------------------------ */

/* The file's time is that of the message, or now: copies of it elsewhere are
 * younger. */
static void
set_time(int fd, const struct ph_imap_stat *stat)
{
	int64_t now = ph_clock_wall();
	int64_t came = stat->came > 0 ? MIN(stat->came, now) : now;
	const struct timespec time = {.tv_sec = (time_t)(came / 1000)};

	(void)futimens(fd, (struct timespec[]){time, time});
}

static int
fetch_copy(struct ph_box *box, const char *name, uint32_t uid,
	   const struct ph_imap_stat *stat, struct ph_err *err)
{
	int tmp = ph_box_open_tmp(box, name, err);
	int r = tmp < 0 ? -1
			: ph_imap_fetch(self_of(box)->imap, uid, stat->size,
					tmp, err);

	if (r == 1) {
		set_time(tmp, stat);
		if (fsync(tmp) < 0)
			r = ph_box_fail("sync", name, err);
	}
	ph_path_close(&tmp);
	if (r == 1 && (renameat(box->tmp, name, box->items, name) < 0 ||
		       fsync(box->items) < 0))
		r = ph_box_fail("keep", name, err);
	return r;
}

/* In a file without a name: nobody takes it for the whole. */
static int
fetch_top(struct ph_box *box, const char *name, uint32_t uid, int *fd_r,
	  struct ph_err *err)
{
	int tmp = ph_box_open_tmp(box, name, err);
	int r =
	    tmp < 0 ? -1 : ph_imap_fetch_top(self_of(box)->imap, uid, tmp, err);

	ph_path_close(&tmp);
	if (r != 1)
		return r;
	*fd_r = openat(box->tmp, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	unlinkat(box->tmp, name, 0);
	return *fd_r < 0 ? ph_box_fail("open", name, err) : 1;
}

/* Fetched once, if it is not too large for that. */
static int
imap_item(struct ph_box *box, const char *name, uint64_t limit, int *fd_r,
	  uint64_t *size_r, struct ph_err *err)
{
	struct ph_imap_stat stat;
	uint32_t uid;
	int r = ph_box_local_item(box, name, fd_r, size_r, err);

	if (r != 0)
		return r;
	r = select_uid(box, name, &uid, err);
	if (r == 1)
		r = ph_imap_stat(self_of(box)->imap, uid, &stat, err);
	if (r != 1)
		return r;
	*size_r = stat.size;
	if (stat.size > limit)
		return fetch_top(box, name, uid, fd_r, err);
	r = fetch_copy(box, name, uid, &stat, err);
	return r == 1 ? ph_box_local_item(box, name, fd_r, size_r, err) : r;
}

/* ---- filing ------------------------------------------------------------ */

static int
read_file(int dir, const char *name, GString **text_r, struct ph_err *err)
{
	char piece[65536];
	ssize_t n;
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : ph_box_fail("open", name, err);
	*text_r = g_string_new(NULL);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		g_string_append_len(*text_r, piece, n);
	ph_path_close(&fd);
	if (n == 0)
		return 1;
	g_string_free(*text_r, TRUE);
	return ph_box_fail("read", name, err);
}

static void
remove_local(struct ph_box *box, const char *name)
{
	unlinkat(box->items, name, 0);
	unlinkat(box->tmp, name, 0);
}

static const char *
mailbox_of(struct ph_box *box, const char *folder)
{
	const struct self *self = self_of(box);

	if (folder == NULL)
		return "INBOX";
	return strcmp(folder, ".Sent") == 0 ? self->server->sent
					    : self->server->drafts;
}

static int
imap_holds(struct ph_box *box, const char *folder, const char *id,
	   const char *date, int64_t since, struct ph_err *err)
{
	struct ph_imap_sought sought = {id, "Date", date, since, 0};
	int64_t written;

	/* Some programs give the copy they save the time of its Date. */
	if (ph_due_parse(date, &written, NULL) == 0)
		sought.since = MIN(since, MAX(written / 1000, 0));
	return ph_imap_find(self_of(box)->imap, mailbox_of(box, folder),
			    &sought, err);
}

/* One line, without blanks around it; NULL: there is no such field. */
static char *
field_of(const struct ph_headers *headers, const char *name)
{
	const char *raw = ph_headers_raw(headers, name, 0);
	char *text = g_strdup(raw);

	return text != NULL ? g_strstrip(g_strdelimit(text, "\r\n", ' '))
			    : NULL;
}

/* When the message came, seconds since 1970; 0: who knows. */
static int64_t
came_of(const struct ph_box *box, const char *name)
{
	struct stat st;

	return fstatat(box->items, name, &st, AT_SYMLINK_NOFOLLOW) == 0
		   ? (int64_t)st.st_mtim.tv_sec
		   : 0;
}

/* An earlier draft of a message may have its Message-ID, and is another one; a
 * Sent copy of the owner's need not be ours to the byte. 0: whatever it is. */
static uint64_t
size_of(struct ph_box *box, const char *mailbox, int fd)
{
	struct stat st;

	return strcmp(mailbox, self_of(box)->server->drafts) == 0 &&
		       fstat(fd, &st) == 0
		   ? (uint64_t)st.st_size
		   : 0;
}

/* As ph_imap_find, of a whole message. One that was resent has the Message-ID
 * of the first one; without a date of its own it cannot be told from that. */
static int
holds_file(struct ph_box *box, const char *mailbox, int dir, const char *name,
	   struct ph_err *err)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct ph_letter *letter = NULL;
	struct ph_headers *resent;
	g_autofree char *id = NULL, *date = NULL;
	uint64_t size;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : ph_box_fail("open", name, err);
	size = size_of(box, mailbox, fd);
	r = ph_letter_peek(fd, &letter, err);
	ph_path_close(&fd);
	if (r != 1)
		return r;
	id = field_of(letter->headers, "Message-ID");
	resent = ph_resent_block(letter->headers);
	if (resent != NULL)
		date = field_of(resent, "Date");
	r = 0;
	if (id != NULL && (resent == NULL || date != NULL)) {
		const struct ph_imap_sought sought = {id, "Resent-Date", date,
						      came_of(box, name), size};

		r = ph_imap_find(self_of(box)->imap, mailbox, &sought, err);
	}
	ph_headers_free(&resent);
	ph_letter_free(&letter);
	return r;
}

/* A file goes to a mailbox, once. */
static int
append_file(struct ph_box *box, int dir, const char *name, const char *mailbox,
	    const char *flags, struct ph_err *err)
{
	GString *text = NULL;
	int r = holds_file(box, mailbox, dir, name, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	r = read_file(dir, name, &text, err);
	if (r == 1)
		r = ph_imap_append(self_of(box)->imap, mailbox, flags, text,
				   err);
	if (text != NULL)
		g_string_free(text, TRUE);
	return r < 0 ? -1 : 0;
}

/* Is it in the Outbox as our own copy is? Where there is none, nothing was
 * added to it. */
static int
is_same(struct ph_box *box, const char *name, uint32_t uid, struct ph_err *err)
{
	struct ph_imap_stat stat;
	uint64_t size;
	int fd, local, r = ph_imap_stat(self_of(box)->imap, uid, &stat, err);

	if (r != 1)
		return r;
	local = ph_box_local_item(box, name, &fd, &size, err);
	if (local != 1)
		return local == 0 ? 1 : -1;
	ph_path_close(&fd);
	return stat.size == size;
}

/* 1 moved, 0 it is gone or was completed, -1. */
static int
move_out(struct ph_box *box, const char *name, const char *mailbox,
	 const char *flags, struct ph_err *err)
{
	struct ph_imap *imap = self_of(box)->imap;
	uint32_t uid;
	int r = select_same(box, name, &uid, err);

	if (r == 1)
		r = is_same(box, name, uid, err);
	if (r != 1)
		return r;
	if (ph_imap_flag(imap, uid, '+', flags, err) < 0 ||
	    ph_imap_flag(imap, uid, '-', PH_BOX_CLAIMED, err) < 0)
		return -1;
	return ph_imap_move(imap, uid, mailbox, err);
}

static int
imap_drop(struct ph_box *box, const char *name, struct ph_err *err)
{
	uint32_t uid;
	int r = select_same(box, name, &uid, err);

	if (r == 1)
		r = ph_imap_remove(self_of(box)->imap, uid, err);
	if (r < 0)
		return -1;
	remove_local(box, name);
	return 0;
}

/* The message in the Outbox moves, unless it is gone, or not as it was sent:
 * then our own copy is appended. */
static int
imap_file(struct ph_box *box, const char *name, const char *folder,
	  const char *filed, bool substitute, struct ph_err *err)
{
	const char *mailbox = mailbox_of(box, folder);
	const char *flags = g_str_has_suffix(filed, "S") ? "\\Seen" : "\\Draft";
	int r = substitute ? 0 : move_out(box, name, mailbox, flags, err);

	if (r == 0)
		r = append_file(box, substitute ? box->tmp : box->items, name,
				mailbox, flags, err);
	ph_fault(PH_FAULT_SUBMISSION_FILED);
	return r < 0 ? -1 : imap_drop(box, name, err);
}

/* The Inbox's line ends are CRLF. */
static GString *
with_crlf(const char *text, size_t size)
{
	GString *out = g_string_sized_new(size + size / 16);

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			g_string_append_c(out, '\r');
		g_string_append_c(out, text[i]);
	}
	return out;
}

/* A notice is our own: its header is plain, and has an id. */
static int
holds_notice(struct ph_box *box, const char *name, const char *text,
	     struct ph_err *err)
{
	const char *field = strstr(text, "\nMessage-ID:");
	g_autofree char *id = NULL;
	/* Its name begins with the time at which it was chosen. */
	struct ph_imap_sought sought = {NULL, NULL, NULL,
					g_ascii_strtoll(name, NULL, 10), 0};

	if (field == NULL)
		return 0;
	field = strchr(field, ':') + 1;
	id = g_strstrip(g_strndup(field, strcspn(field, "\r\n")));
	sought.id = id;
	return ph_imap_find(self_of(box)->imap, "INBOX", &sought, err);
}

static int
imap_notice(struct ph_box *box, const char *name, const char *text, size_t size,
	    struct ph_err *err)
{
	GString *out = with_crlf(text, size);
	int r = holds_notice(box, name, out->str, err);

	if (r == 0)
		r = ph_imap_append(self_of(box)->imap, "INBOX", "", out, err);
	g_string_free(out, TRUE);
	ph_fault(PH_FAULT_SUBMISSION_NOTICE);
	return r < 0 ? -1 : 0;
}

const struct ph_box_kind ph_box_imap = {
    .immutable = true,
    .items = imap_items,
    .claim = imap_claim,
    .release = imap_release,
    .item = imap_item,
    .complete = ph_box_local_complete,
    .file = imap_file,
    .holds = imap_holds,
    .drop = imap_drop,
    .notice = imap_notice,
    .close = imap_close,
};
