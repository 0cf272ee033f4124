#ifndef SUBMISSION_LAB_H
#define SUBMISSION_LAB_H

#include "lib/routing/topology.h"
#include "store/submission/item.h"
#include "store/submission/submission.h"
#include "tests/unit/object.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a Transport server ------------------------------------------------ */

/*
 * Answers as a good server does, save where a rule says otherwise: on that
 * connection (0: all) to a line that begins like this ("greeting", "body" and
 * "dot" stand for what is no command); reply NULL: the connection dies there,
 * at "dot" after the message was taken.
 */
struct fake_rule {
	unsigned connection;
	const char *line, *reply;
};

struct fake_mail {
	char *from; /* the whole line */
	GPtrArray *rcpts;
	GString *content;
};

struct fake {
	const struct fake_rule *rules;
	int listener, port;
	unsigned connections;
	guint most;	      /* recipients of a mail; 0: any number */
	void (*at_dot)(void); /* before it is taken; NULL is fine */
	GMutex mutex;
	GPtrArray *mails; /* struct fake_mail that were taken */
	GThread *thread;
	gint listens; /* atomic */
};

static inline void
fake_mail_free(void *p)
{
	struct fake_mail *mail = p;

	g_free(mail->from);
	g_ptr_array_unref(mail->rcpts);
	g_string_free(mail->content, TRUE);
	g_free(mail);
}

static inline struct fake_mail *
fake_mail_new(const char *from)
{
	struct fake_mail *mail = g_new0(struct fake_mail, 1);

	mail->from = g_strdup(from);
	mail->rcpts = g_ptr_array_new_with_free_func(g_free);
	mail->content = g_string_new(NULL);
	return mail;
}

static inline bool
fake_read(int fd, GString *line)
{
	char c;

	g_string_truncate(line, 0);
	while (recv(fd, &c, 1, 0) == 1) {
		g_string_append_c(line, c);
		if (c == '\n')
			return true;
	}
	return false;
}

/* False: the connection dies here. */
static inline bool
fake_answer(const struct fake *fake, int fd, const char *line,
	    const char *usual, bool *good_r)
{
	const struct fake_rule *rule = fake->rules;
	g_autofree char *out = NULL;

	for (; rule != NULL && rule->line != NULL; rule++)
		if ((rule->connection == 0 ||
		     rule->connection == fake->connections) &&
		    g_str_has_prefix(line, rule->line))
			break;
	if (rule != NULL && rule->line != NULL) {
		if (rule->reply == NULL)
			return false;
		usual = rule->reply;
	}
	*good_r = usual[0] == '2' || usual[0] == '3';
	out = g_strconcat(usual, "\r\n", NULL);
	return *out == '\r' ||
	       send(fd, out, strlen(out), MSG_NOSIGNAL) == (ssize_t)strlen(out);
}

static inline bool
fake_content(struct fake *fake, int fd, struct fake_mail **mail, GString *line)
{
	bool good, alive;

	while (fake_read(fd, line) && strcmp(line->str, ".\r\n") != 0) {
		if (!fake_answer(fake, fd, "body", "", &good))
			return false;
		g_string_append((*mail)->content, line->str[0] == '.'
						      ? line->str + 1
						      : line->str);
	}
	if (strcmp(line->str, ".\r\n") != 0)
		return false;
	if (fake->at_dot != NULL)
		fake->at_dot();
	/* Before it says so: who hears it may look at once. */
	g_mutex_lock(&fake->mutex);
	g_ptr_array_add(fake->mails, *mail);
	g_mutex_unlock(&fake->mutex);
	*mail = NULL;
	good = false;
	alive =
	    fake_answer(fake, fd, "dot", "250 2.0.0 Ok: queued as 1", &good);
	if (!alive || good)
		return alive;
	g_mutex_lock(&fake->mutex);
	*mail = g_ptr_array_steal_index(fake->mails, fake->mails->len - 1);
	g_mutex_unlock(&fake->mutex);
	return true;
}

static inline void
fake_serve(struct fake *fake, int fd)
{
	g_autoptr(GString) line = g_string_new(NULL);
	struct fake_mail *mail = NULL;
	bool good, alive = fake_answer(fake, fd, "greeting", "220 hub", &good);

	while (alive && fake_read(fd, line)) {
		const char *usual = "250 2.1.0 Ok";

		g_string_truncate(line, line->len - 2);
		if (g_str_has_prefix(line->str, "EHLO"))
			usual = "250-hub\r\n250-SIZE 1000\r\n"
				"250-SMTPUTF8\r\n250 8BITMIME";
		else if (strcmp(line->str, "DATA") == 0)
			usual = "354 go on";
		else if (fake->most > 0 && mail != NULL &&
			 mail->rcpts->len >= fake->most &&
			 g_str_has_prefix(line->str, "RCPT"))
			usual = "452 4.5.3 Too many recipients";
		alive = fake_answer(fake, fd, line->str, usual, &good);
		if (alive && good && g_str_has_prefix(line->str, "MAIL")) {
			if (mail != NULL)
				fake_mail_free(mail);
			mail = fake_mail_new(line->str);
		}
		if (alive && good && g_str_has_prefix(line->str, "RCPT"))
			g_ptr_array_add(mail->rcpts, g_strdup(line->str + 8));
		if (alive && good && strcmp(line->str, "DATA") == 0)
			alive = fake_content(fake, fd, &mail, line);
	}
	if (mail != NULL)
		fake_mail_free(mail);
}

static inline void *
fake_run(void *data)
{
	struct fake *fake = data;
	int fd;

	g_atomic_int_set(&fake->listens, 1);
	while ((fd = accept(fake->listener, NULL, NULL)) >= 0) {
		fake->connections++;
		fake_serve(fake, fd);
		close(fd);
	}
	return NULL;
}

static inline void
fake_open(struct fake *fake, const struct fake_rule *rules)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;

	memset(fake, 0, sizeof *fake);
	fake->rules = rules;
	fake->mails = g_ptr_array_new_with_free_func(fake_mail_free);
	g_mutex_init(&fake->mutex);
	fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    bind(fake->listener, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(fake->listener, 16), 0);
	getsockname(fake->listener, (struct sockaddr *)&address, &size);
	fake->port = ntohs(address.sin_port);
	fake->thread = g_thread_new("hub", fake_run, fake);
	/* A thread that begins takes locks, with which no test may fork. */
	while (!g_atomic_int_get(&fake->listens))
		g_usleep(100);
}

static inline void
fake_close(struct fake *fake)
{
	shutdown(fake->listener, SHUT_RDWR);
	g_thread_join(fake->thread);
	close(fake->listener);
	g_ptr_array_unref(fake->mails);
	g_mutex_clear(&fake->mutex);
}

/* ---- an organisation with one server of ours --------------------------- */

/*
 * MBX1 is this server; Transport runs on MBX1 and MBX2, both behind the same
 * fake server, so that the second choice is its second connection. DB1 is
 * active here, and DB3, DB2 on MBX2.
 */
struct lab {
	struct ph_submission submission;
	struct ph_snapshot *snapshot; /* NULL: none yet */
	struct ph_directory *directory;
	struct fake *fake;
	char *path;	   /* of everything */
	char *box;	   /* nuno's mailbox */
	const char *local; /* whose it is */
	gsize next_id;
	gint down; /* atomic: no Transport has a heartbeat */
};

static const struct ph_derive lab_derive[] = {
    {"topology", ph_topology_build, ph_topology_free, NULL},
    {NULL, NULL, NULL, NULL},
};

/* database: a whole line in place of DB1's, or one more object; NULL is fine.
 */
static inline struct ph_snapshot *
lab_snapshot_with(int port, const char *active, const char *more)
{
	g_autofree char *mbx1 =
	    g_strdup_printf("server|MBX1|Site=A|Fqdn=mbx1.example.com|"
			    "Transport=127.0.0.1:%d|Roles=HubTransport,Mailbox",
			    port);
	g_autofree char *mbx2 =
	    g_strdup_printf("server|MBX2|Site=A|Fqdn=mbx2.example.com|"
			    "Transport=127.0.0.1:%d|Roles=HubTransport,Mailbox",
			    port);
	g_autofree char *db1 =
	    active == NULL
		? g_strdup(more)
		: g_strdup_printf("database|DB1|Servers=MBX1,MBX2|Active=%s",
				  active);
	const char *const lines[] = {
	    "domain|example.com|DomainType=Authoritative|Default=true",
	    "domain|a.example|DomainType=Authoritative",
	    "site|A",
	    mbx1,
	    mbx2,
	    db1,
	    "database|DB2|Servers=MBX2|Active=MBX2",
	    "database|DB3|Servers=MBX1|Active=MBX1",
	    more,
	};
	struct ph_object *objects[G_N_ELEMENTS(lines)];
	struct ph_snapshot *snapshot;
	size_t n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		if (lines[i] != NULL && (lines[i] != more || active != NULL))
			objects[n++] = unit_object_line(lines[i]);
	snapshot = ph_snapshot_build((const struct ph_object *const *)objects,
				     n, lab_derive);
	while (n > 0)
		ph_object_unref(&objects[--n]);
	return snapshot;
}

static inline struct ph_snapshot *
lab_snapshot(int port, const char *active)
{
	return lab_snapshot_with(port, active, NULL);
}

static inline struct ph_directory *
lab_directory(void)
{
	static const char *const lines[] = {
	    "recipient|nuno@example.com|RecipientType=UserMailbox|Database=DB1|"
	    "EmailAddresses=SMTP:nuno@example.com,n.uno@example.com|"
	    "MaxSendSize=1000000|RecipientLimits=50",
	    "recipient|mota@example.com|RecipientType=UserMailbox|Database=DB2",
	    "recipient|many@example.com|RecipientType=UserMailbox|"
	    "Database=DB1|RecipientLimits=unlimited",
	    "recipient|elsewhere@example.com|RecipientType=UserMailbox|"
	    "Database=DB2",
	    "recipient|ana@a.example|RecipientType=UserMailbox|Database=DB3",
	    "recipient|group@example.com|RecipientType=MailGroup",
	};
	struct ph_object *objects[G_N_ELEMENTS(lines)];
	struct ph_directory *directory;

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		objects[i] = unit_object_line(lines[i]);
	directory = ph_directory_memory(
	    (const struct ph_object *const *)objects, G_N_ELEMENTS(objects));
	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		ph_object_unref(&objects[i]);
	return directory;
}

static inline struct ph_snapshot *
lab_take(void *context)
{
	struct lab *lab = context;

	return lab->snapshot ? ph_snapshot_ref(lab->snapshot) : NULL;
}

static inline struct ph_health *
lab_health(void *context)
{
	static const char *const names[] = {"MBX1", "MBX2"};
	struct lab *lab = context;
	struct ph_health *health;

	if (g_atomic_int_get(&lab->down) == 0)
		return NULL;
	health = ph_health_new();
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		ph_health_note(health, names[i], PH_SERVICE_TRANSPORT, true, 0);
		ph_health_note(health, names[i], PH_SERVICE_TRANSPORT, false,
			       5000);
	}
	return health;
}

static inline struct ph_health *
lab_no_health(void *context)
{
	(void)context;
	return NULL;
}

/* In memory: what is tested is not the disk. */
static inline void
in_memory(void)
{
	if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
		g_setenv("TMPDIR", "/dev/shm", TRUE);
}

static inline void
lab_open(struct lab *lab, struct fake *fake)
{
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *log = NULL;
	struct ph_track_options options = {.prefix = "MSGTRKMS",
					   .server = "MBX1",
					   .max_file_size = 1 << 20,
					   .subjects = true};

	memset(lab, 0, sizeof *lab);
	lab->fake = fake;
	lab->path = unit_mkdir();
	lab->local = "nuno";
	lab->box =
	    g_build_filename(lab->path, "db1", "example.com", "nuno", NULL);
	lab->snapshot = lab_snapshot(fake->port, "MBX1");
	lab->directory = lab_directory();
	lab->next_id = 100;
	options.directory = log = g_build_filename(lab->path, ".log", NULL);
	lab->submission = (struct ph_submission){
	    .server = "MBX1",
	    .address = "127.0.0.1",
	    .root = lab->path,
	    .directory = lab->directory,
	    .take = lab_take,
	    .health = lab_health,
	    .context = lab,
	    .sizes = ph_sizes_new(),
	    .max_size = 2000000,
	    .retry_min = 5000,
	    .retry_max = 300000,
	    .expiry = 1000000,
	    .connect_timeout = 50000,
	    .timeout = 50000,
	    .final_timeout = 50000,
	    .next_id = &lab->next_id,
	};
	ck_assert_int_eq(
	    ph_track_log_open(&options, &lab->submission.log, &err), 0);
	g_mkdir_with_parents(lab->box, 0700);
}

static inline void
lab_close(struct lab *lab)
{
	ph_track_log_close(&lab->submission.log);
	ph_sizes_free(&lab->submission.sizes);
	ph_directory_close(&lab->directory);
	ph_snapshot_unref(&lab->snapshot);
	g_free(lab->box);
	unit_rmdir(&lab->path);
}

static inline char *
lab_folder(const struct lab *lab, const char *folder)
{
	return g_build_filename(lab->box, folder, NULL);
}

static inline void
lab_put(const struct lab *lab, const char *part, const char *name,
	const char *text, size_t size)
{
	g_autofree char *dir =
	    g_build_filename(lab->box, ".Outbox", part, NULL);
	g_autofree char *path = g_build_filename(dir, name, NULL);
	int fd;

	g_mkdir_with_parents(dir, 0700);
	/* A name may be too long for a second one beside it. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, text, size), (ssize_t)size);
	close(fd);
}

/* Names in a folder of nuno's; g_ptr_array_unref. */
static inline GPtrArray *
lab_list(const struct lab *lab, const char *folder)
{
	g_autofree char *path = lab_folder(lab, folder);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
		g_ptr_array_add(names, g_strdup(name));
	if (dir != NULL)
		g_dir_close(dir);
	return names;
}

static inline guint
lab_count(const struct lab *lab, const char *folder)
{
	g_autoptr(GPtrArray) names = lab_list(lab, folder);

	return names->len;
}

/* The one file of a folder; g_free; NULL: none. */
static inline char *
lab_content(const struct lab *lab, const char *folder)
{
	g_autoptr(GPtrArray) names = lab_list(lab, folder);
	g_autofree char *path = NULL;
	char *text = NULL;

	ck_assert_uint_le(names->len, 1);
	if (names->len == 0)
		return NULL;
	path = g_build_filename(lab->box, folder, names->pdata[0], NULL);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

/* "out1 work0 state1 sent0 drafts0 in0": where everything is. */
static inline char *
lab_where(const struct lab *lab)
{
	return g_strdup_printf(
	    "out%u work%u state%u sent%u drafts%u in%u",
	    lab_count(lab, ".Outbox/new") + lab_count(lab, ".Outbox/cur"),
	    lab_count(lab, ".posthub-submission/items"),
	    lab_count(lab, ".posthub-submission/state"),
	    lab_count(lab, ".Sent/cur"), lab_count(lab, ".Drafts/cur"),
	    lab_count(lab, "new"));
}

/* Runs what is in the Outbox or was claimed, once. */
static inline int64_t
lab_run(const struct lab *lab)
{
	static const char *const folders[][2] = {
	    {".posthub-submission/items", NULL},
	    {".Outbox/new", "new"},
	    {".Outbox/cur", "cur"}};
	struct ph_box_name *name =
	    ph_box_name_new("DB1", "example.com", lab->local);
	int64_t wait = -2;

	for (size_t i = 0; i < G_N_ELEMENTS(folders) && wait == -2; i++) {
		g_autoptr(GPtrArray) names = lab_list(lab, folders[i][0]);

		if (names->len > 0)
			wait = ph_item_run(&lab->submission, name,
					   folders[i][1], names->pdata[0]);
	}
	ph_box_name_free(&name);
	return wait;
}

/* The tracking rows so far: values of columns joined by '|', one row a line.
 */
static inline char *
lab_rows(const struct lab *lab, const enum ph_column *columns, size_t n)
{
	g_autofree char *log = g_build_filename(lab->path, ".log", NULL);
	GString *out = g_string_new(NULL);
	GDir *dir = g_dir_open(log, 0, NULL);
	const char *name;

	ck_assert_ptr_nonnull(dir);
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(log, name, NULL);
		g_autofree char *text = NULL;
		g_auto(GStrv) lines = NULL;

		ck_assert(g_str_has_prefix(name, "MSGTRKMS"));
		ck_assert(g_file_get_contents(path, &text, NULL, NULL));
		lines = g_strsplit(text, "\r\n", -1);
		for (char **line = lines; *line != NULL; line++) {
			struct ph_track_record record;

			if (**line == '#' || **line == '\0')
				continue;
			ck_assert_int_eq(ph_track_parse(*line, &record, NULL),
					 0);
			for (size_t i = 0; i < n; i++)
				g_string_append_printf(
				    out, "%s%s", i > 0 ? "|" : "",
				    ph_track_get(&record, columns[i]));
			g_string_append_c(out, '\n');
			ph_track_clear(&record);
		}
	}
	g_dir_close(dir);
	return g_string_free(out, FALSE);
}

static inline char *
lab_events(const struct lab *lab)
{
	static const enum ph_column columns[] = {PH_COL_EVENT_ID};
	char *rows = lab_rows(lab, columns, 1);

	return g_strdelimit(g_strchomp(rows), "\n", ' ');
}

/* A queue's, whose context is the lab. */
static inline int64_t
lab_run_item(void *context, const struct ph_box_name *name, const char *part,
	     const char *file)
{
	const struct lab *lab = context;

	return ph_item_run(&lab->submission, name, part, file);
}

#endif
