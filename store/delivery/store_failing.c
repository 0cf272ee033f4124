#include "store/delivery/store_private.h"

#include <glib.h>

struct failing {
	enum ph_store_step step;
	enum ph_store_result result;
	char *only;
	struct ph_store *memory;
};

struct failing_message {
	struct ph_store_message *message;
	bool chosen; /* its database is the one that fails */
};

static enum ph_store_result
fail(const struct failing *failing, struct ph_err *err)
{
	ph_err_set(err, PH_ERR_TEMP, "the store fails on purpose");
	return failing->result;
}

static bool
chosen(const struct failing *failing, const char *name)
{
	return !failing->only || g_strcmp0(failing->only, name) == 0;
}

static enum ph_store_result
failing_begin(void *self, const char *database, int64_t epoch, void **message_r,
	      struct ph_err *err)
{
	const struct failing *failing = self;
	struct failing_message *message;

	if (failing->step == PH_STORE_STEP_BEGIN && chosen(failing, database))
		return fail(failing, err);
	message = g_new0(struct failing_message, 1);
	message->chosen = chosen(failing, database);
	*message_r = message;
	return ph_store_begin(failing->memory, database, epoch,
			      &message->message, err);
}

static enum ph_store_result
failing_write(void *self, void *p, const char *data, size_t size,
	      struct ph_err *err)
{
	const struct failing *failing = self;
	struct failing_message *message = p;

	if (failing->step == PH_STORE_STEP_WRITE && message->chosen)
		return fail(failing, err);
	return ph_store_write(message->message, data, size, err);
}

static enum ph_store_result
failing_seal(void *self, void *p, struct ph_err *err)
{
	const struct failing *failing = self;
	struct failing_message *message = p;

	if (failing->step == PH_STORE_STEP_SEAL && message->chosen)
		return fail(failing, err);
	return ph_store_seal(message->message, err);
}

static enum ph_store_result
failing_commit(void *self, void *p, const struct ph_store_mailbox *mailbox,
	       struct ph_err *err)
{
	const struct failing *failing = self;
	struct failing_message *message = p;

	if (failing->step == PH_STORE_STEP_COMMIT &&
	    chosen(failing, mailbox->address))
		return fail(failing, err);
	return ph_store_commit(message->message, mailbox, err);
}

static int
failing_end(void *self, void *p, struct ph_err *err)
{
	const struct failing *failing = self;
	struct failing_message *message = p;

	ph_store_end(&message->message, NULL);
	g_free(message);
	if (failing->step != PH_STORE_STEP_END)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "the store fails on purpose");
}

static void
failing_sweep(void *self,
	      bool (*keep)(void *context, const char *database, int64_t epoch),
	      void *context)
{
	const struct failing *failing = self;

	ph_store_sweep(failing->memory, keep, context);
}

static void
failing_close(void *self)
{
	struct failing *failing = self;

	ph_store_close(&failing->memory);
	g_free(failing->only);
	g_free(failing);
}

static const struct ph_store_ops failing_ops = {
    .name = "failing",
    .begin = failing_begin,
    .write = failing_write,
    .seal = failing_seal,
    .commit = failing_commit,
    .end = failing_end,
    .sweep = failing_sweep,
    .close = failing_close,
};

struct ph_store *
ph_store_failing(enum ph_store_step step, enum ph_store_result result,
		 const char *only)
{
	struct failing *failing = g_new0(struct failing, 1);

	failing->step = step;
	failing->result = result;
	failing->only = g_strdup(only);
	failing->memory = ph_store_memory();
	return ph_store_new(&failing_ops, failing);
}

struct ph_store *
ph_store_failing_memory(struct ph_store *store)
{
	g_assert(store->ops == &failing_ops);
	return ((struct failing *)store->self)->memory;
}
