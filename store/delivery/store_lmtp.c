#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/fork/spool.h"
#include "lib/smtp/client.h"
#include "store/delivery/lmtp_pool.h"
#include "store/delivery/locks.h"
#include "store/delivery/mdb_set.h"
#include "store/delivery/store.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

/* Of a message held in memory; larger ones are on disk. */
#define MEMORY ((size_t)1 << 20)
/* How long a connection is kept; shorter than the patience of servers. */
enum { IDLE_MS = 30 * 1000 };

struct lmtp {
	char *root;
	struct ph_mdb_set *databases;
	struct ph_lmtp_pool *pool;
	int64_t message_timeout;
};

/* What became of one mailbox. */
struct copy {
	char *address, *folded;
	struct ph_copy_key key;
	enum ph_store_result result;
	char *text;   /* the answer, or the reason; NULL: none yet */
	bool offered; /* RCPT was answered 250 */
	bool told;    /* the caller has committed it */
};

struct message {
	struct ph_mdb *mdb;
	struct ph_spool *spool;
	GPtrArray *copies; /* struct copy */
	bool committed;
};

/* ---- copies ------------------------------------------------------------ */

static void
free_copy(gpointer p)
{
	struct copy *copy = p;

	g_free(copy->address);
	g_free(copy->folded);
	g_free(copy->text);
	g_free(copy);
}

static struct copy *
find_copy(const struct message *message, const char *folded)
{
	for (guint i = 0; i < message->copies->len; i++) {
		struct copy *copy = message->copies->pdata[i];

		if (strcmp(copy->folded, folded) == 0)
			return copy;
	}
	return NULL;
}

/* A mailbox, once; what it is known to have is not offered again. */
static void
add_copy(struct message *message, const struct ph_store_mailbox *mailbox)
{
	g_autofree char *folded = ph_fold(mailbox->address);
	struct ph_mdb *mdb = message->mdb;
	struct ph_err err = PH_ERR_INIT;
	struct copy *copy;
	int r;

	if (find_copy(message, folded))
		return;
	copy = g_new0(struct copy, 1);
	copy->address = g_strdup(mailbox->address);
	copy->folded = g_steal_pointer(&folded);
	copy->key = ph_copy_key_of(mailbox->nmid, mailbox->address);
	copy->result = PH_STORE_FAILED;
	g_ptr_array_add(message->copies, copy);
	if (!mdb->duplicates)
		return;
	r = ph_duplicates_find(mdb->duplicates, copy->key, ph_clock_wall(),
			       &err);
	if (r == 0)
		return;
	if (r == 1)
		copy->result = PH_STORE_DUPLICATE;
	copy->text = g_strdup(err.text);
}

static bool
is_open(const struct copy *copy)
{
	return !copy->text;
}

static bool
any_open(const struct message *message)
{
	for (guint i = 0; i < message->copies->len; i++)
		if (is_open(message->copies->pdata[i]))
			return true;
	return false;
}

/* Gives the same to every copy that has nothing yet. */
static void
settle(struct message *message, enum ph_store_result result, const char *text)
{
	for (guint i = 0; i < message->copies->len; i++) {
		struct copy *copy = message->copies->pdata[i];

		if (!is_open(copy))
			continue;
		copy->result = result;
		copy->text = g_strdup(text);
	}
}

/* ---- answers ----------------------------------------------------------- */

/* The server's answer, if it may be passed on, or why there is none; g_free.
 * Takes the reply. */
static char *
take_reply(int rc, struct ph_smtp_reply *reply, const struct ph_err *err,
	   enum ph_store_result *result_r)
{
	char *text;

	*result_r = PH_STORE_FAILED;
	if (rc < 0)
		return g_strdup(err->text);
	/* One line: err holds no more. */
	text = g_strdelimit(ph_smtp_reply_format(reply), "\n", ' ');
	if (ph_smtp_reply_passes(reply))
		*result_r = PH_STORE_ANSWERED;
	ph_smtp_reply_clear(reply);
	return text;
}

/* 1: it said yes. 0: it answered for every copy, the connection is of use.
 * -1: the connection is not. */
static int
conclude(struct message *message, int rc, struct ph_smtp_reply *reply,
	 const struct ph_err *err, int yes)
{
	enum ph_store_result result;
	g_autofree char *text = NULL;
	bool no = rc == 0 && reply->code / 100 >= 4;

	if (rc == 0 && reply->code == yes) {
		ph_smtp_reply_clear(reply);
		return 1;
	}
	text = take_reply(rc, reply, err, &result);
	if (!no)
		result = PH_STORE_FAILED;
	settle(message, result, text);
	return result == PH_STORE_ANSWERED ? 0 : -1;
}

/* ---- one transaction --------------------------------------------------- */

/* Addresses that need it are sent without SMTPUTF8 where it is not offered: the
 * server knows best whether it has such a mailbox. */
static bool
needs_utf8(const struct message *message, const char *reverse_path)
{
	if (!g_str_is_ascii(reverse_path))
		return true;
	for (guint i = 0; i < message->copies->len; i++) {
		const struct copy *copy = message->copies->pdata[i];

		if (!g_str_is_ascii(copy->address))
			return true;
	}
	return false;
}

static int
say_mail(const struct message *message, struct ph_smtp *smtp,
	 const char *reverse_path, struct ph_smtp_reply *reply_r,
	 struct ph_err *err)
{
	const char *params[3] = {NULL, NULL, NULL};
	size_t n = 0;

	if (ph_smtp_offers(smtp, "8BITMIME"))
		params[n++] = "BODY=8BITMIME";
	if (ph_smtp_offers(smtp, "SMTPUTF8") &&
	    needs_utf8(message, reverse_path))
		params[n++] = "SMTPUTF8";
	return ph_smtp_mail(smtp, reverse_path, params, reply_r, err);
}

/* What a refusal of MAIL can say of the message or its sender: syntax, size, a
 * sender's address, SMTPUTF8 (RFC 5321 section 4.2, RFC 3463, RFC 6531). */
static bool
is_about_message(const struct ph_smtp_reply *reply)
{
	static const int codes[] = {501, 552, 553};
	static const char *const enhanced[] = {"5.1.", "5.2.3", "5.3.4",
					       "5.6."};
	char buffer[12];
	const char *text = ph_smtp_reply_enhanced(reply, buffer);
	bool about = false;

	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
		about |= reply->code == codes[i];
	for (size_t i = 0; i < G_N_ELEMENTS(enhanced); i++)
		about |= g_str_has_prefix(text, enhanced[i]);
	return about;
}

/* The others are about us, who want TLS or a login, or are not let in: that is
 * put right by an administrator, and no reason to return a user's mail. */
static int
not_let_in(struct message *message, struct ph_smtp_reply *reply)
{
	enum ph_store_result unused;
	g_autofree char *text = take_reply(0, reply, NULL, &unused);

	ph_warn("[delivery] backend_address: the server there takes no message "
		"from this one: %s; have it accept this server's address, or "
		"its UNIX socket, without TLS and login",
		text);
	settle(message, PH_STORE_FAILED, text);
	return -1;
}

/* A transaction that has begun: 1; 0 and -1 as conclude; *smtp_r in any case
 * the caller's. A kept connection may have been closed at the other end, which
 * shows here, before anything can have been taken: the next one is tried. */
static int
open_transaction(struct lmtp *lmtp, struct message *message,
		 const char *reverse_path, struct ph_smtp **smtp_r)
{
	const int64_t deadline = ph_clock_mono() + lmtp->message_timeout;
	struct ph_smtp_reply reply = {0, NULL};
	struct ph_err err = PH_ERR_INIT;
	bool kept, stale;
	int rc;

	do {
		ph_smtp_close(smtp_r);
		ph_smtp_reply_clear(&reply);
		*smtp_r = ph_lmtp_pool_take(lmtp->pool, &kept, &err);
		if (!*smtp_r) {
			settle(message, PH_STORE_FAILED, err.text);
			return -1;
		}
		/* A server that keeps sending a little must not hold a slot
		 * for ever. */
		ph_smtp_set_deadline(*smtp_r, deadline);
		rc = say_mail(message, *smtp_r, reverse_path, &reply, &err);
		stale = kept && (rc < 0 || reply.code == 421) &&
			ph_clock_mono() < deadline;
	} while (stale);
	if (rc == 0 && reply.code / 100 == 5 && !is_about_message(&reply))
		return not_let_in(message, &reply);
	return conclude(message, rc, &reply, &err, 250);
}

/* How many it took; -1: the connection is of no more use. */
static int
say_recipients(struct message *message, struct ph_smtp *smtp)
{
	int n = 0;

	for (guint i = 0; i < message->copies->len; i++) {
		struct copy *copy = message->copies->pdata[i];
		struct ph_smtp_reply reply;
		struct ph_err err = PH_ERR_INIT;
		int rc;

		if (!is_open(copy))
			continue;
		rc = ph_smtp_rcpt(smtp, copy->address, NULL, &reply, &err);
		if (rc == 0 && reply.code / 100 == 2) {
			ph_smtp_reply_clear(&reply);
			copy->offered = true;
			n++;
			continue;
		}
		copy->text = take_reply(rc, &reply, &err, &copy->result);
		if (copy->result == PH_STORE_ANSWERED)
			continue;
		settle(message, PH_STORE_FAILED, copy->text);
		return -1;
	}
	return n;
}

static int
say_data(struct message *message, struct ph_smtp *smtp)
{
	struct ph_smtp_reply reply;
	struct ph_err err = PH_ERR_INIT;
	int rc = ph_smtp_data(smtp, &reply, &err);

	return conclude(message, rc, &reply, &err, 354);
}

/* Lines as they are stored become lines as they are sent. The server writes a
 * Return-Path of its own. */
static int
say_content(struct ph_smtp *smtp, const char *data, size_t size,
	    struct ph_err *err)
{
	static const char own[] = "Return-Path: ";
	const char *end = data + size;

	if (size >= sizeof own && memcmp(data, own, sizeof own - 1) == 0) {
		const char *lf = memchr(data, '\n', size);

		data = lf ? lf + 1 : data;
	}
	while (data < end) {
		const char *lf = memchr(data, '\n', (size_t)(end - data));
		const char *stop = lf ? lf : end;

		if (ph_smtp_content(smtp, data, (size_t)(stop - data), err) < 0)
			return -1;
		if (lf && ph_smtp_content(smtp, "\r\n", 2, err) < 0)
			return -1;
		data = lf ? lf + 1 : end;
	}
	return 0;
}

static char *
unconfirmed(const struct copy *copy, const char *reason)
{
	return g_strdup_printf("451 4.4.2 <%s> The mailbox server did not "
			       "confirm the message: %s",
			       copy->address, reason);
}

/* True: every copy has an answer of the server. */
static bool
confirm(struct message *message, struct ph_smtp *smtp, size_t n)
{
	g_autofree struct ph_smtp_reply *replies =
	    g_new0(struct ph_smtp_reply, n);
	struct ph_err err = PH_ERR_INIT;
	bool whole = ph_smtp_finish(smtp, replies, n, &err) == 0;
	size_t k = 0;

	if (err.kind == PH_ERR_TEMP) {
		settle(message, PH_STORE_FAILED, err.text);
		return false;
	}
	for (guint i = 0; i < message->copies->len; i++) {
		struct copy *copy = message->copies->pdata[i];
		enum ph_store_result result;
		bool answered;

		if (!copy->offered)
			continue;
		answered = replies[k].code != 0;
		copy->text =
		    take_reply(answered ? 0 : -1, &replies[k++], &err, &result);
		copy->result = PH_STORE_ANSWERED;
		if (result != PH_STORE_ANSWERED) {
			char *text = unconfirmed(copy, copy->text);

			g_free(copy->text);
			copy->text = text;
			whole = false;
		}
	}
	return whole;
}

/* From RCPT on. True: the connection can be used again. */
static bool
transfer(struct message *message, struct ph_smtp *smtp, const char *data,
	 size_t size)
{
	struct ph_err err = PH_ERR_INIT;
	int n = say_recipients(message, smtp);

	/* A transaction is open that nobody wants: a new connection is as cheap
	 * as a reset. */
	if (n <= 0 || say_data(message, smtp) <= 0)
		return false;
	if (say_content(smtp, data, size, &err) < 0) {
		settle(message, PH_STORE_FAILED, err.text);
		return false;
	}
	return confirm(message, smtp, (size_t)n);
}

static void
transact(struct lmtp *lmtp, struct message *message, const char *reverse_path)
{
	struct ph_smtp *smtp = NULL;
	struct ph_err err = PH_ERR_INIT;
	const char *data;
	size_t size;
	int r;

	if (ph_spool_read(message->spool, &data, &size, &err) < 0) {
		settle(message, PH_STORE_FAILED, err.text);
		return;
	}
	r = open_transaction(lmtp, message, reverse_path, &smtp);
	if (r == 0 || (r > 0 && transfer(message, smtp, data, size)))
		ph_lmtp_pool_give(lmtp->pool, &smtp);
	ph_smtp_close(&smtp);
}

/* At once: until it is noted, a crash makes it arrive twice. */
static void
record(struct message *message)
{
	for (guint i = 0; i < message->copies->len; i++) {
		const struct copy *copy = message->copies->pdata[i];

		if (copy->result != PH_STORE_ANSWERED || *copy->text != '2')
			continue;
		ph_mdb_record(message->mdb, copy->key, ph_clock_wall());
		message->committed = true;
	}
}

/* ---- the store --------------------------------------------------------- */

static enum ph_store_result
lmtp_begin(void *self, const char *database, int64_t epoch, void **message_r,
	   struct ph_err *err)
{
	struct lmtp *lmtp = self;
	struct message *message;
	struct ph_mdb *mdb;
	enum ph_store_result result;

	result = ph_mdb_set_use(lmtp->databases, database, epoch, &mdb, err);
	if (result != PH_STORE_OK)
		return result;
	message = g_new0(struct message, 1);
	message->mdb = mdb;
	message->spool = ph_spool_new(lmtp->root, MEMORY);
	message->copies = g_ptr_array_new_with_free_func(free_copy);
	*message_r = message;
	return PH_STORE_OK;
}

static enum ph_store_result
lmtp_write(void *self, void *p, const char *data, size_t size,
	   struct ph_err *err)
{
	struct message *message = p;

	(void)self;
	errno = 0;
	if (ph_spool_write(message->spool, data, size, err) < 0)
		return ph_mdb_result(errno, false);
	return PH_STORE_OK;
}

/* What is durable is the other server's affair. */
static enum ph_store_result
lmtp_seal(void *self, void *p, struct ph_err *err)
{
	(void)self;
	(void)p;
	(void)err;
	return PH_STORE_OK;
}

static void
lmtp_offer(void *self, void *p, const struct ph_store_offer *offer)
{
	struct message *message = p;

	for (size_t i = 0; i < offer->n; i++)
		add_copy(message, &offer->mailboxes[i]);
	if (!any_open(message))
		return;
	transact(self, message, offer->reverse_path);
	record(message);
}

static enum ph_store_result
lmtp_commit(void *self, void *p, const struct ph_store_mailbox *mailbox,
	    struct ph_err *err)
{
	g_autofree char *folded = ph_fold(mailbox->address);
	struct copy *copy = find_copy(p, folded);

	(void)self;
	g_assert(copy && copy->text);
	if (copy->told && copy->result == PH_STORE_ANSWERED &&
	    *copy->text == '2')
		return PH_STORE_DUPLICATE;
	copy->told = true;
	if (*copy->text)
		ph_err_set(err, PH_ERR_TEMP, "%s", copy->text);
	return copy->result;
}

static int
lmtp_end(void *self, void *p, struct ph_err *err)
{
	struct lmtp *lmtp = self;
	struct message *message = p;
	int r = message->committed ? ph_mdb_sync(message->mdb, err) : 0;

	ph_mdb_set_leave(lmtp->databases, message->mdb);
	ph_spool_free(&message->spool);
	g_ptr_array_unref(message->copies);
	g_free(message);
	return r;
}

static void
lmtp_sweep(void *self,
	   bool (*keep)(void *context, const char *database, int64_t epoch),
	   void *context)
{
	struct lmtp *lmtp = self;

	ph_mdb_set_sweep(lmtp->databases, keep, context);
	ph_lmtp_pool_tidy(lmtp->pool, IDLE_MS);
}

static void
lmtp_close(void *self)
{
	struct lmtp *lmtp = self;

	ph_lmtp_pool_free(&lmtp->pool);
	ph_mdb_set_close(&lmtp->databases);
	g_free(lmtp->root);
	g_free(lmtp);
}

static const struct ph_store_ops lmtp_ops = {
    .name = "lmtp",
    .begin = lmtp_begin,
    .write = lmtp_write,
    .seal = lmtp_seal,
    .offer = lmtp_offer,
    .commit = lmtp_commit,
    .end = lmtp_end,
    .sweep = lmtp_sweep,
    .close = lmtp_close,
};

int
ph_store_lmtp(const struct ph_store_lmtp_options *options,
	      struct ph_store **store_r, struct ph_err *err)
{
	const struct ph_smtp_options client = {
	    .endpoint = options->endpoint,
	    .hello = options->hello,
	    .lmtp = true,
	    .connect_timeout = options->connect_timeout,
	    .timeout = options->timeout,
	    .final_timeout = options->final_timeout,
	};
	struct ph_mdb_set *databases;
	const struct ph_mdb_set_options set = {
	    options->root, options->duplicate_window, options->opened};
	struct lmtp *lmtp;

	if (ph_mdb_set_open(&set, &databases, err) < 0)
		return -1;
	lmtp = g_new0(struct lmtp, 1);
	lmtp->root = g_strdup(options->root);
	lmtp->databases = databases;
	lmtp->pool = ph_lmtp_pool_new(&client);
	lmtp->message_timeout = options->message_timeout;
	*store_r = ph_store_new(&lmtp_ops, lmtp);
	return 0;
}
