#include "cli/trial_private.h"

#include "cli/message.h"
#include "lib/base/text.h"
#include "lib/directory/resolve.h"
#include "milters/transport/rules/recipients.h"

#include <gio/gio.h>
#include <string.h>

/* ---- people ------------------------------------------------------------- */

static void
person_free(void *data)
{
	struct ph_trial_person *person = data;

	g_free(person->given);
	g_free(person->before);
	g_free(person->group);
	g_ptr_array_unref(person->hits);
	g_free(person);
}

/* r NULL: refused before the rules. */
static struct ph_trial_person *
add_person(struct ph_trial *trial, const char *given,
	   const struct ph_recipient *r)
{
	struct ph_trial_person *person = g_new0(struct ph_trial_person, 1);

	person->given = g_strdup(given);
	person->recipient = r;
	person->hits = g_ptr_array_new();
	g_ptr_array_add(trial->people, person);
	if (r)
		g_hash_table_insert(trial->known, (gpointer)r, person);
	return person;
}

struct ph_trial_person *
ph_trial_person_of(struct ph_trial *trial, const struct ph_recipient *r)
{
	struct ph_trial_person *person = g_hash_table_lookup(trial->known, r);

	return person ? person : add_person(trial, r->address, r);
}

/* ---- options ------------------------------------------------------------ */

/* Without the brackets that an envelope address is often written in; g_free. */
static char *
strip_brackets(const char *typed)
{
	size_t n = strlen(typed);

	return n >= 2 && typed[0] == '<' && typed[n - 1] == '>'
		   ? g_strndup(typed + 1, n - 2)
		   : g_strdup(typed);
}

static bool
is_address(const char *text)
{
	return ph_address_domain(text) != NULL;
}

/* g_free; NULL: the message does not say. */
static char *
sender_of(struct ph_headers *headers)
{
	const char *path = ph_headers_raw(headers, "Return-Path", 0);
	g_autofree char *trimmed = path ? g_strstrip(g_strdup(path)) : NULL;

	if (trimmed && strcmp(trimmed, "<>") == 0)
		return g_strdup("");
	return ph_headers_address(headers, path ? "Return-Path" : "From");
}

static int
set_sender(struct ph_trial *trial, const char *typed)
{
	char *sender =
	    typed ? strip_brackets(typed) : sender_of(trial->mail->headers);

	if (!sender)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "the message has neither Return-Path nor "
				   "From with an address; give --from");
	g_free(trial->mail->sender);
	trial->mail->sender = sender;
	if (!*sender || is_address(sender))
		return PH_EXIT_YES;
	return ph_cli_fail(typed ? PH_EXIT_USAGE : PH_EXIT_DATA,
			   "the sender \"%s\" is not an address; %s", sender,
			   typed ? "expected local@domain or <>"
				 : "give --from");
}

/* Of --to, or of the message: char *. */
static GPtrArray *
wanted(struct ph_trial *trial, const GPtrArray *typed)
{
	static const char *const fields[] = {"To", "Cc", "Bcc"};
	GPtrArray *wanted = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; typed && i < typed->len; i++)
		g_ptr_array_add(wanted, strip_brackets(typed->pdata[i]));
	for (size_t i = 0; !typed && i < G_N_ELEMENTS(fields); i++)
		ph_headers_addresses(trial->mail->headers, fields[i], wanted);
	return wanted;
}

static int
set_client(struct ph_trial *trial, const char *address)
{
	if (address && !g_hostname_is_ip_address(address))
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--client-ip \"%s\" is not an IP address",
				   address);
	trial->client = (struct ph_client){
	    .name = g_strdup(""),
	    .address = g_strdup(address ? address : ""),
	    .helo = g_strdup(""),
	    .server_address = g_strdup(""),
	};
	return PH_EXIT_YES;
}

static int
set_auth(struct ph_trial *trial, const char *word)
{
	if (word && !ph_auth_as_find(word, &trial->mail->auth_as))
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--auth \"%s\": expected one of Anonymous, "
				   "Internal, External, Partner",
				   word);
	return PH_EXIT_YES;
}

/* ---- the message -------------------------------------------------------- */

static bool
begins_with(const char *name, const char *prefix)
{
	return g_ascii_strncasecmp(name, prefix, strlen(prefix)) == 0;
}

/* A copy from a mailbox has what the way there has written. What a stranger
 * says in our name would be removed; nobody sends what a first pass sets. */
static void
remove_traces(struct ph_mail *mail)
{
	static const char *const first[] = {
	    PH_HEADER_NMID, PH_HEADER_RULES_EXECUTED, PH_HEADER_AUTH_AS,
	    PH_HEADER_AUTH_SOURCE, PH_HEADER_CLIENT_IP};
	size_t i = 0;

	for (size_t k = 0; k < G_N_ELEMENTS(first); k++)
		ph_mail_remove_header(mail, first[k]);
	while (mail->auth_as == PH_AUTH_ANONYMOUS &&
	       i < ph_headers_count(mail->headers)) {
		g_autofree char *name =
		    g_strdup(ph_headers_at(mail->headers, i)->name);

		if (begins_with(name, PH_HEADER_PREFIX))
			ph_mail_remove_header(mail, name);
		else
			i++;
	}
}

/* What the agent that resolves would set: a condition may look at it. */
static void
set_traces(const struct ph_trial *trial)
{
	struct ph_mail *mail = trial->mail;
	const char *server = ph_conf_text(trial->cli->conf, "server", "name");

	g_free(mail->original_ip);
	mail->original_ip = g_strdup(trial->client.address);
	mail->trusted = mail->auth_as != PH_AUTH_ANONYMOUS;
	ph_nmid_finish(mail->hash, mail->sender, mail->headers, mail->nmid);
	ph_mail_set_header(mail, PH_HEADER_AUTH_AS,
			   ph_auth_as_name(mail->auth_as), NULL);
	ph_mail_set_header(mail, PH_HEADER_AUTH_SOURCE, server, NULL);
	if (*mail->original_ip)
		ph_mail_set_header(mail, PH_HEADER_CLIENT_IP, mail->original_ip,
				   NULL);
	ph_mail_set_header(mail, PH_HEADER_NMID, mail->nmid, NULL);
	ph_mail_set_header(mail, PH_HEADER_RULES_EXECUTED, server, NULL);
}

static int
read_message(struct ph_trial *trial, const struct ph_input *input)
{
	const char *path = ph_input_option(input, "message");
	g_autoptr(GByteArray) message = NULL;
	struct ph_err err = PH_ERR_INIT;
	int status;

	if (!path)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--message is missing; expected a file, or "
				   "- for standard input");
	status = set_client(trial, ph_input_option(input, "client-ip"));
	if (status != PH_EXIT_YES)
		return status;
	trial->mail = ph_mail_new(&trial->client, "");
	status = set_auth(trial, ph_input_option(input, "auth"));
	if (status == PH_EXIT_YES)
		status = ph_message_read(path, &message);
	if (status != PH_EXIT_YES)
		return status;
	if (ph_message_parse(message->data, message->len, trial->mail, &err) <
	    0)
		return ph_cli_fail(PH_EXIT_DATA, "%s: %s", path, err.text);
	status = set_sender(trial, ph_input_option(input, "from"));
	if (status != PH_EXIT_YES)
		return status;
	remove_traces(trial->mail);
	set_traces(trial);
	return PH_EXIT_YES;
}

/* ---- recipients --------------------------------------------------------- */

/* How an address is refused before the rules; NULL: it is not; g_free. */
static char *
refusal(const struct ph_resolution *resolution)
{
	switch (resolution->verdict) {
	case PH_RESOLVED_ENTRY:
	case PH_RESOLVED_RELAY:
	case PH_RESOLVED_OUTSIDE:
		return NULL;
	case PH_RESOLVED_UNKNOWN:
		return g_strdup("550 5.1.1 nobody has this address");
	case PH_RESOLVED_INVALID:
		return g_strdup("501 5.1.3 this is not an address");
	}
	g_assert_not_reached();
}

/* As the MTA asks before it takes a recipient. 0, or an exit code. */
static int
admit(struct ph_trial *trial, const char *address, char **before_r)
{
	struct ph_resolution resolution;
	struct ph_err err = PH_ERR_INIT;

	if (ph_resolve(trial->directory, trial->mail->snapshot, address,
		       &resolution, &err) == 0) {
		*before_r = refusal(&resolution);
		ph_resolution_clear(&resolution);
		return PH_EXIT_YES;
	}
	if (err.kind != PH_ERR_PERM)
		return ph_cli_fail(PH_EXIT_TEMPORARY, "%s: %s", address,
				   err.text);
	*before_r = g_strdup_printf("550 5.1.4 %s", err.text);
	return PH_EXIT_YES;
}

static int
add_recipient(struct ph_trial *trial, const char *address, bool resolve)
{
	struct ph_recipient *r;
	struct ph_err err = PH_ERR_INIT;
	char *before = NULL;
	int status =
	    resolve ? admit(trial, address, &before) : (int)PH_EXIT_YES;

	if (status != PH_EXIT_YES)
		return status;
	if (before) {
		add_person(trial, address, NULL)->before = before;
		return PH_EXIT_YES;
	}
	r = ph_mail_add_recipient(trial->mail, address, NULL);
	add_person(trial, address, r);
	if (resolve &&
	    ph_recipient_follow(trial->mail, r, NULL, NULL, &err) < 0)
		return ph_cli_fail(PH_EXIT_TEMPORARY, "%s: %s", address,
				   err.text);
	return PH_EXIT_YES;
}

int
ph_trial_check_added(struct ph_trial *trial)
{
	int status = PH_EXIT_YES;

	if (!ph_conf_bool(trial->cli->conf, "transport", "resolve"))
		return status;
	for (guint i = 0; status == PH_EXIT_YES && i < trial->people->len;
	     i++) {
		struct ph_trial_person *person = trial->people->pdata[i];

		if (person->added_by)
			status = admit(trial, person->recipient->address,
				       &person->before);
	}
	return status;
}

struct groups {
	struct ph_trial *trial;
	GHashTable *of; /* member -> group, owned strings */
};

static void
note_group(void *arg, const char *event, const char *group,
	   const GPtrArray *members)
{
	const struct groups *groups = arg;
	const GPtrArray *people = groups->trial->people;

	if (strcmp(event, "EXPAND") != 0)
		return;
	for (guint i = 0; i < people->len; i++) {
		struct ph_trial_person *person = people->pdata[i];

		if (person->recipient && person->recipient->removed &&
		    strcmp(person->recipient->address, group) == 0)
			person->members = members->len;
	}
	for (guint i = 0; i < members->len; i++)
		g_hash_table_insert(groups->of, g_strdup(members->pdata[i]),
				    g_strdup(group));
}

/* Those who are recipients because they are in a group. */
static void
add_members(struct ph_trial *trial, GHashTable *groups)
{
	for (guint i = 0; i < trial->mail->recipients->len; i++) {
		const struct ph_recipient *r =
		    trial->mail->recipients->pdata[i];

		if (!g_hash_table_contains(trial->known, r))
			ph_trial_person_of(trial, r)->group =
			    g_strdup(g_hash_table_lookup(groups, r->address));
	}
}

/* Those to whom forwarding leads in a circle, or to nobody. */
static void
take_refused(struct ph_trial *trial)
{
	GPtrArray *recipients = trial->mail->recipients;

	for (guint i = 0; i < recipients->len;) {
		const struct ph_recipient *r = recipients->pdata[i];
		struct ph_trial_person *person;

		if (r->removed || !r->refusal) {
			i++;
			continue;
		}
		person = ph_trial_person_of(trial, r);
		person->before = g_strconcat("550 ", r->refusal, NULL);
		person->recipient = NULL;
		g_hash_table_remove(trial->known, r);
		g_ptr_array_remove_index(recipients, i);
	}
}

static int
expand(struct ph_trial *trial)
{
	g_autoptr(GHashTable) of =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	struct groups groups = {trial, of};
	const struct ph_expansion_notes notes = {NULL, note_group, &groups};
	struct ph_err err = PH_ERR_INIT;

	ph_recipients_merge(trial->mail);
	for (guint i = 0; i < trial->people->len; i++) {
		struct ph_trial_person *person = trial->people->pdata[i];

		person->same = person->recipient && person->recipient->removed;
	}
	if (ph_recipients_expand(trial->mail, NULL, NULL, &notes, &err) < 0)
		return ph_cli_fail(PH_EXIT_TEMPORARY, "%s", err.text);
	take_refused(trial);
	add_members(trial, of);
	return PH_EXIT_YES;
}

/* An address that is given twice is one recipient: the MTA delivers once. */
static int
add_recipients(struct ph_trial *trial, const GPtrArray *typed)
{
	bool resolve = ph_conf_bool(trial->cli->conf, "transport", "resolve");
	g_autoptr(GPtrArray) addresses = wanted(trial, typed);
	g_autoptr(GHashTable) seen =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	if (addresses->len == 0)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "the message names no recipient; give --to");
	for (guint i = 0; i < addresses->len; i++) {
		const char *address = addresses->pdata[i];
		int status;

		if (!is_address(address))
			return ph_cli_fail(
			    typed ? PH_EXIT_USAGE : PH_EXIT_DATA,
			    "the recipient \"%s\" is not an address; %s",
			    address,
			    typed ? "expected local@domain" : "give --to");
		if (!g_hash_table_add(seen, ph_fold(address)))
			continue;
		status = add_recipient(trial, address, resolve);
		if (status != PH_EXIT_YES)
			return status;
	}
	return resolve ? expand(trial) : (int)PH_EXIT_YES;
}

/* ---- the whole ---------------------------------------------------------- */

static int
open_directory(struct ph_trial *trial)
{
	struct ph_err err = PH_ERR_INIT;

	if (!ph_conf_bool(trial->cli->conf, "transport", "resolve"))
		trial->directory = ph_directory_memory(NULL, 0);
	else if (ph_directory_open(trial->cli->conf, &trial->directory, &err) <
		 0)
		return ph_cli_fail(PH_EXIT_TEMPORARY, "%s", err.text);
	return PH_EXIT_YES;
}

/* As posthub-transport does it, by a child of this program. */
static struct ph_inspection *
inspect(void *arg, struct ph_content *content)
{
	struct ph_trial *trial = arg;
	struct ph_inspector_options options;

	if (!trial->inspector) {
		ph_inspector_options_read(trial->cli->conf, &options);
		trial->inspector = ph_inspector_start(&options);
	}
	return ph_inspect_sandboxed(trial->inspector, content);
}

int
ph_trial_open(struct ph_cli *cli, const struct ph_input *input, bool explain,
	      struct ph_trial *trial)
{
	int status;

	*trial = (struct ph_trial){
	    .cli = cli,
	    .explain = explain,
	    .only = ph_input_option(input, "rule"),
	    .alone = !explain && ph_input_option(input, "rule"),
	    .people = g_ptr_array_new_with_free_func(person_free),
	    .rules = g_ptr_array_new_with_free_func(ph_trial_rule_free),
	    .known = g_hash_table_new(NULL, NULL),
	    .defer = PH_ERR_INIT,
	};
	status = read_message(trial, input);
	if (status == PH_EXIT_YES)
		status = ph_trial_read(trial);
	if (status == PH_EXIT_YES)
		status = open_directory(trial);
	if (status != PH_EXIT_YES)
		return status;
	trial->mail->snapshot = ph_snapshot_ref(trial->snapshot);
	trial->mail->classifier = ph_sensitive_classifier(
	    ph_snapshot_derived(trial->snapshot, PH_TRIAL_SENSITIVE));
	trial->mail->directory = trial->directory;
	trial->mail->inspect = inspect;
	trial->mail->inspect_arg = trial;
	status = add_recipients(trial, ph_input_list(input, "to"));
	return status == PH_EXIT_YES ? ph_trial_run(trial) : status;
}

void
ph_trial_close(struct ph_trial *trial)
{
	if (trial->result.hits)
		ph_rules_result_clear(&trial->result);
	g_ptr_array_unref(trial->rules);
	g_ptr_array_unref(trial->people);
	g_hash_table_unref(trial->known);
	ph_mail_free(&trial->mail);
	ph_inspector_stop(&trial->inspector);
	g_free(trial->client.name);
	g_free(trial->client.address);
	g_free(trial->client.helo);
	g_free(trial->client.server_address);
	ph_directory_close(&trial->directory);
	ph_snapshot_unref(&trial->snapshot);
	ph_snapshot_unref(&trial->local);
	ph_snapshot_unref(&trial->stored);
	g_free(trial->only_name);
}
