#include "lib/base/conf.h"

#define KB INT64_C(1024)
#define MB (1024 * KB)
#define GB (1024 * MB)
#define S INT64_C(1000)
#define MINUTE (60 * S)
#define H (60 * MINUTE)
#define D (24 * H)

#define NO_LIMIT 0, 0, NULL

static const char *const directory_types[] = {"redis", "ldap", NULL};
static const char *const tls_words[] = {"off", "starttls", "ldaps", NULL};
static const char *const bind_words[] = {"simple", "external", "gssapi", NULL};
static const char *const profile_words[] = {"exchange", "ad", "openldap",
					    "freeipa", NULL};
static const char *const peer_tls_words[] = {"off", "may", "encrypt", "verify",
					     NULL};
static const char *const outbound_words[] = {"proxy", "relay", NULL};
static const char *const backend_words[] = {"maildir", "lmtp", NULL};
static const char *const full_words[] = {"refuse", "defer", NULL};
static const char *const extension_words[] = {"inbox", "folder", "make", NULL};
static const char *const inactive_words[] = {"reroute", "retry", "ndr", NULL};
static const char *const malware_words[] = {"reject",	  "delete", "mark",
					    "quarantine", "strip",  NULL};
static const char *const on_error_words[] = {"defer", "skip", NULL};
static const char *const missing_words[] = {"retry", "ndr", NULL};
static const char *const imap_tls_words[] = {"off", "starttls", "imaps", NULL};
static const char *const sent_words[] = {"submitted", "sent", NULL};
static const char *const resent_words[] = {"own", "any", NULL};

const struct ph_setting ph_settings[] = {
    {"server", "name", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "this server's name, as in its server: key"},
    {"server", "address", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "local address of connections to other servers; empty: the kernel's "
     "choice"},
    {"server", "state_dir", PH_SETTING_TEXT, "/var/lib/posthub", NO_LIMIT,
     "directory of snapshots and status files"},
    {"server", "user", PH_SETTING_TEXT, "_posthub", NO_LIMIT,
     "user that a daemon started as root becomes; empty: stays root"},
    {"server", "socket_group", PH_SETTING_TEXT, "postfix", NO_LIMIT,
     "group of UNIX sockets"},
    {"server", "postfix", PH_SETTING_TEXT, "/etc/postfix", NO_LIMIT,
     "configuration directory of this server's Postfix, for posthub setup"},
    {"server", "certificates", PH_SETTING_TEXT, "/etc/posthub/certificates",
     NO_LIMIT,
     "directory where posthub setup looks for the TlsCertificateName of a "
     "connector: files *.pem, each with the key, the certificate and its chain "
     "as in smtpd_tls_chain_files"},
    {"server", "stop_timeout", PH_SETTING_SPAN, "10s", 0, 10 * MINUTE, NULL,
     "how long a stop waits for busy connections"},

    {"server", "peer_tls", PH_SETTING_WORD, "may", 0, 0, peer_tls_words,
     "TLS between servers of ours: not at all, where it is offered, or else "
     "mail waits; verify: and certificates name them, which decides who is a "
     "server of ours"},
    {"server", "tls_cert", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "this server's certificate, for its Fqdn (PEM)"},
    {"server", "tls_key", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "its key (PEM); empty: in tls_cert"},
    {"server", "tls_ca", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "authorities that certificates of servers of ours may be of (PEM)"},

    {"redis", "url", PH_SETTING_TEXT, "unix:///run/redis/redis-server.sock",
     NO_LIMIT, "unix:///path or redis://[:password@]host:port[/db]"},
    {"redis", "prefix", PH_SETTING_TEXT, "posthub:", NO_LIMIT,
     "first part of every key"},
    {"redis", "password_file", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "file whose first line is the password"},
    {"redis", "timeout", PH_SETTING_SPAN, "3s", 10, 1 * MINUTE, NULL,
     "limit of one request"},
    {"redis", "pool", PH_SETTING_INT, "8", 1, 256, NULL, "connections at most"},
    {"redis", "replicas", PH_SETTING_INT, "0", 0, 16, NULL,
     "replicas that must have a lease, the leader's lock and an Epoch before "
     "they count; 0: one, once this program has seen that its master has any"},

    {"directory", "type", PH_SETTING_WORD, "redis", 0, 0, directory_types,
     "where recipients are kept"},
    {"directory", "file", PH_SETTING_TEXT, "/var/lib/posthub/directory",
     NO_LIMIT, "the shared directory file, written by posthub-policy"},
    {"directory", "map_size", PH_SETTING_SIZE, "16GB", 1 * MB, 0, NULL,
     "largest size of the directory file (address space, not disk)"},
    {"directory", "uri", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "LDAP servers that hold the same: ldap://host, ldaps://host:port or "
     "ldapi://path; the next one is asked when one does not answer"},
    {"directory", "base", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "entry that all recipients and groups are below"},
    {"directory", "profile", PH_SETTING_WORD, "exchange", 0, 0, profile_words,
     "which attributes are looked at: Active Directory with Exchange's or "
     "without, OpenLDAP, FreeIPA"},
    {"directory", "database", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "mailbox database of users whose entry names none"},
    {"directory", "database_attribute", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "attribute that names the mailbox database; empty: the profile's"},
    {"directory", "tls", PH_SETTING_WORD, "starttls", 0, 0, tls_words,
     "TLS 1.2 at least, with the server's certificate verified; ldaps goes "
     "with ldaps://; off also for ldapi://"},
    {"directory", "ca_file", PH_SETTING_TEXT,
     "/etc/ssl/certs/ca-certificates.crt", NO_LIMIT,
     "authorities that the servers' certificates may be of (PEM)"},
    {"directory", "cert_file", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "our own certificate for bind = external (PEM)"},
    {"directory", "key_file", PH_SETTING_TEXT, NULL, NO_LIMIT, "its key (PEM)"},
    {"directory", "bind", PH_SETTING_WORD, "simple", 0, 0, bind_words,
     "external: our name is that of the certificate, or of our user on "
     "ldapi://; gssapi: that of a Kerberos ticket, the server's is ldap/ and "
     "the "
     "host in uri"},
    {"directory", "keytab", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "file of keys for gssapi, whose first name is ours; empty: the "
     "credentials "
     "cache of the environment"},
    {"directory", "bind_dn", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "our name, of simple; Active Directory takes user@domain as well; empty: "
     "anonymous"},
    {"directory", "password_file", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "file whose first line is the password"},
    {"directory", "connect_timeout", PH_SETTING_SPAN, "2s", 10, 1 * MINUTE,
     NULL, "limit of a connection to one server, with TLS and bind"},
    {"directory", "timeout", PH_SETTING_SPAN, "5s", 10, 1 * MINUTE, NULL,
     "limit of a look-up, all members of a group included"},
    {"directory", "pool", PH_SETTING_INT, "8", 1, 256, NULL,
     "connections at most, for each program"},
    {"directory", "positive_ttl", PH_SETTING_SPAN, "5m", 0, 1 * D, NULL,
     "how long an entry found by LDAP is not asked for again"},
    {"directory", "negative_ttl", PH_SETTING_SPAN, "1m", 0, 1 * H, NULL,
     "how long an address that nobody has is not asked for again"},
    {"directory", "stale_ttl", PH_SETTING_SPAN, "24h", 0, 30 * D, NULL,
     "how old an entry may become while no server answers, over restarts as "
     "well"},
    {"directory", "cache_size", PH_SETTING_SIZE, "64MB", 0, 0, NULL,
     "room in the directory file for what LDAP answered, about, and an eighth "
     "of it in the memory of each program; 0: nothing is kept"},

    {"tracking", "log_dir", PH_SETTING_TEXT, "/var/log/posthub/tracking",
     NO_LIMIT, "MessageTrackingLogPath: where every daemon writes its rows"},
    {"tracking", "max_file_size", PH_SETTING_SIZE, "10MB", 64 * KB, 1 * GB,
     NULL, "MessageTrackingLogMaxFileSize"},
    {"tracking", "max_directory_size", PH_SETTING_SIZE, "1000MB", 0, 0, NULL,
     "MessageTrackingLogMaxDirectorySize, for each prefix; 0: no limit"},
    {"tracking", "max_age", PH_SETTING_SPAN, "30d", 0, 0, NULL,
     "MessageTrackingLogMaxAge; 0: kept for ever"},
    {"tracking", "subjects", PH_SETTING_BOOL, "yes", NO_LIMIT,
     "MessageTrackingLogSubjectLoggingEnabled"},
    {"tracking", "maillog", PH_SETTING_TEXT, "/var/log/mail.log", NO_LIMIT,
     "Postfix's log, read by posthub-tracking"},
    {"tracking", "stream_size", PH_SETTING_SIZE, "256MB", 1 * MB, 0, NULL,
     "memory that the Redis stream of events may take"},
    {"tracking", "stream_age", PH_SETTING_SPAN, "7d", 1 * MINUTE, 0, NULL,
     "how long events stay in the Redis stream"},
    {"tracking", "queue_timeout", PH_SETTING_SPAN, "1h", 0, 0, NULL,
     "a message that was accepted, but is not seen in Postfix's queue within "
     "this time of its log, gets a FAIL row; 0: off"},

    {"health", "interval", PH_SETTING_SPAN, "1s", 100, 1 * MINUTE, NULL,
     "how often a daemon proves its service and looks for the heartbeats of "
     "others"},
    {"health", "expiry", PH_SETTING_SPAN, "3s", 300, 10 * MINUTE, NULL,
     "how long a heartbeat is kept in Redis; three intervals"},

    {"frontend", "milter", PH_SETTING_ENDPOINT,
     "unix:/var/spool/postfix/posthub/frontend.sock", NO_LIMIT,
     "socket for smtpd_milters of the front end"},
    {"frontend", "sessions", PH_SETTING_INT, "500", 1, 10000, NULL,
     "messages handled at once; more are deferred with 451"},
    {"frontend", "connect_timeout", PH_SETTING_SPAN, "3s", 10, 25 * S, NULL,
     "limit of a connection to a Transport server, its greeting included"},
    {"frontend", "timeout", PH_SETTING_SPAN, "10s", 10, 25 * S, NULL,
     "limit of its answer to one command"},
    {"frontend", "try_timeout", PH_SETTING_SPAN, "20s", 10, 25 * S, NULL,
     "limit of all servers tried; below milter_command_timeout"},
    {"frontend", "final_timeout", PH_SETTING_SPAN, "300s", 10, 1 * H, NULL,
     "limit of the answer to a whole message"},

    {"frontend", "outbound", PH_SETTING_WORD, "proxy", 0, 0, outbound_words,
     "mail for outside: handed on while the Transport server waits, or kept "
     "in the queue of this server's Postfix (relay)"},
    {"frontend", "outbound_connect_timeout", PH_SETTING_SPAN, "30s", 10,
     240 * S, NULL,
     "limit of a connection to a host outside, its greeting included"},
    {"frontend", "outbound_timeout", PH_SETTING_SPAN, "60s", 10, 240 * S, NULL,
     "limit of its answer to one command"},
    {"frontend", "outbound_try_timeout", PH_SETTING_SPAN, "120s", 10, 240 * S,
     NULL,
     "limit of all hosts tried, DNS included; below milter_content_timeout"},
    {"frontend", "dns_servers", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "DNS servers asked for hosts outside, IPv4 addresses, each may have "
     ":port; empty: those of /etc/resolv.conf"},
    {"frontend", "ca_file", PH_SETTING_TEXT,
     "/etc/ssl/certs/ca-certificates.crt", NO_LIMIT,
     "authorities that certificates outside may be of (PEM), where a send "
     "connector wants them verified"},

    {"transport", "milter", PH_SETTING_ENDPOINT,
     "unix:/var/spool/postfix/posthub/transport.sock", NO_LIMIT,
     "socket for smtpd_milters"},
    {"transport", "resolve", PH_SETTING_BOOL, "yes", NO_LIMIT,
     "resolve recipients; no: rules alone, on addresses as typed"},
    {"transport", "check_from", PH_SETTING_BOOL, "yes", NO_LIMIT,
     "who has logged in may write in From and Sender only those whom he may "
     "send as; not with resolve = no"},
    {"transport", "sessions", PH_SETTING_INT, "200", 1, 10000, NULL,
     "messages handled at once; more are deferred with 451"},
    {"transport", "body_memory", PH_SETTING_SIZE, "1GB", 64 * MB, 0, NULL,
     "memory for header fields and bodies of all messages in work; one for "
     "which there is none is deferred with 451"},
    {"transport", "connector", PH_SETTING_TEXT, "Default %s", NO_LIMIT,
     "receive connector in tracking rows; %s is the server's name"},
    {"transport", "report_to_strangers", PH_SETTING_BOOL, "yes", NO_LIMIT,
     "a rule that refuses a message for some recipients tells an "
     "unauthenticated sender, too, who may be forged"},
    {"transport", "rules_loop_limit", PH_SETTING_INT, "3", 0, 100, NULL,
     "messages that rules have sent to other recipients this often are "
     "refused with 5.4.6; 0: never"},
    {"transport", "quarantine_mailbox", PH_SETTING_TEXT, "", NO_LIMIT,
     "address of the mailbox that gets messages which are put aside, by a rule "
     "or because of malware; empty: there is none"},
    {"transport", "sensitive_types", PH_SETTING_TEXT, "", NO_LIMIT,
     "directory of the sensitive information types that every organisation "
     "has, *.xml; empty: ../share/posthub/sensitive-types beside the program"},
    {"transport", "fork", PH_SETTING_ENDPOINT,
     "unix:/var/spool/postfix/posthub/fork.sock", NO_LIMIT,
     "socket for the LMTP service ph-fork"},
    {"transport", "inject", PH_SETTING_ENDPOINT,
     "unix:/var/spool/postfix/public/posthub-inject", NO_LIMIT,
     "the private smtpd, for copies and reports"},
    {"transport", "connections", PH_SETTING_INT, "100", 1, 10000, NULL,
     "connections to fork at once"},
    {"transport", "fork_lifetime", PH_SETTING_SPAN, "7d", 1 * H, 365 * D, NULL,
     "how long plans of copies are kept; longer than Postfix's "
     "maximal_queue_lifetime"},

    {"malware", "clamd", PH_SETTING_ENDPOINT, NULL, NO_LIMIT,
     "clamd, unix:/path or host:port, which is asked about each message; "
     "empty: nobody is"},
    {"malware", "action", PH_SETTING_WORD, "reject", 0, 0, malware_words,
     "a message with malware is refused with 5.7.1, taken and deleted, goes on "
     "with X-PostHub-Malware, which rules can look at, is put aside for "
     "quarantine_mailbox, or goes on with a notice in place of the infected "
     "attachments"},
    {"malware", "on_error", PH_SETTING_WORD, "defer", 0, 0, on_error_words,
     "a message that clamd cannot be asked about is put off with 4.7.1, and "
     "refused with 5.3.4 if it is larger than StreamMaxLength; or it goes on"},
    {"malware", "timeout", PH_SETTING_SPAN, "45s", 100, 45 * S, NULL,
     "limit of clamd's answer"},
    {"malware", "remember", PH_SETTING_SPAN, "10m", 0, 1 * D, NULL,
     "how long clamd is not asked again about the same content; 0: always "
     "asked"},

    {"spam", "rspamd", PH_SETTING_ENDPOINT, NULL, NO_LIMIT,
     "a normal worker of rspamd, unix:/path or host:port, which is asked about "
     "each message from outside; empty: nobody is"},
    {"spam", "scl", PH_SETTING_TEXT, "1,2,3,4.5,6,8,10,12,15", NO_LIMIT,
     "scores from which on a message has the spam confidence levels 1 to 9"},
    {"spam", "on_error", PH_SETTING_WORD, "skip", 0, 0, on_error_words,
     "a message that rspamd cannot be asked about is put off with 4.7.1, or "
     "goes on without a level"},
    {"spam", "timeout", PH_SETTING_SPAN, "15s", 100, 45 * S, NULL,
     "limit of rspamd's answer"},

    {"inspect", "user", PH_SETTING_TEXT, "_posthub-inspect", NO_LIMIT,
     "user that workers become, which should own nothing, if the daemon is "
     "started as root; nobody where there is none of that name"},
    {"inspect", "workers", PH_SETTING_INT, "4", 1, 256, NULL,
     "processes that look into attachments at once; messages wait for one"},
    {"inspect", "messages", PH_SETTING_INT, "50", 1, 1000000, NULL,
     "messages that one of them serves before it is replaced"},
    {"inspect", "timeout", PH_SETTING_SPAN, "30s", 100, 10 * MINUTE, NULL,
     "longest time for the attachments of a message"},
    {"inspect", "memory", PH_SETTING_SIZE, "512MB", 32 * MB, 0, NULL,
     "memory of a worker"},
    {"inspect", "depth", PH_SETTING_INT, "16", 1, 100, NULL,
     "archives and messages inside each other"},
    {"inspect", "files", PH_SETTING_INT, "10000", 1, 100000, NULL,
     "files in all archives of a message"},
    {"inspect", "unpacked", PH_SETTING_SIZE, "256MB", 1 * MB, 16 * GB, NULL,
     "bytes that the attachments of a message may unpack to; one file half of "
     "it"},
    {"inspect", "ratio", PH_SETTING_INT, "250", 1, 100000, NULL,
     "how many times its size an archive of more than 16 MB may unpack to"},
    {"inspect", "text", PH_SETTING_SIZE, "1MB", 1 * KB, 64 * MB, NULL,
     "TransportRuleAttachmentTextScanLimit: text of an attachment that rules "
     "look at; the rest is ignored"},

    {"policy", "policy", PH_SETTING_ENDPOINT,
     "unix:/var/spool/postfix/posthub/policy.sock", NO_LIMIT,
     "socket for check_policy_service"},
    {"policy", "map", PH_SETTING_ENDPOINT,
     "unix:/var/spool/postfix/posthub/map.sock", NO_LIMIT,
     "socket for socketmap: tables"},
    {"policy", "expand", PH_SETTING_ENDPOINT,
     "unix:/var/spool/postfix/posthub/expand.sock", NO_LIMIT,
     "socket for the LMTP service ph-expand"},
    {"policy", "inject", PH_SETTING_ENDPOINT,
     "unix:/var/spool/postfix/public/posthub-inject", NO_LIMIT,
     "the private smtpd, for reports"},
    {"policy", "members", PH_SETTING_ENDPOINT,
     "unix:/var/spool/postfix/public/posthub-members", NO_LIMIT,
     "the private smtpd with milters, for copies to members of groups"},
    {"policy", "credentials", PH_SETTING_TEXT, "/etc/posthub/credentials",
     NO_LIMIT, "directory of the files that AuthenticationCredential names"},
    {"policy", "expansion_lifetime", PH_SETTING_SPAN, "7d", 1 * H, 365 * D,
     NULL,
     "how long lists of members are kept; longer than Postfix's "
     "maximal_queue_lifetime"},
    {"policy", "connections", PH_SETTING_INT, "1000", 1, 100000, NULL,
     "connections at once, for each socket"},

    {"delivery", "lmtp", PH_SETTING_ENDPOINT, "0.0.0.0:475", NO_LIMIT,
     "where the store driver listens"},
    {"delivery", "lmtp_socket", PH_SETTING_ENDPOINT, NULL, NO_LIMIT,
     "and where else, such as a UNIX socket for this server's Postfix; empty: "
     "nowhere"},
    {"delivery", "connections", PH_SETTING_INT, "1000", 1, 100000, NULL,
     "connections at once, for each of both"},
    {"delivery", "concurrency", PH_SETTING_INT, "20", 1, 10000, NULL,
     "messages written at once; above it a connection waits; "
     "MaxConcurrentMailboxDeliveries of this server's mailboxtransport object "
     "comes before it"},
    {"delivery", "store", PH_SETTING_TEXT, "/var/lib/posthub/store", NO_LIMIT,
     "root of mailbox databases: store/<database>/<mailbox_path>"},
    {"delivery", "backend", PH_SETTING_WORD, "maildir", 0, 0, backend_words,
     "what mailboxes are: Maildirs of ours in store, or those of a server that "
     "takes messages by LMTP; then only records are in store"},
    {"delivery", "backend_address", PH_SETTING_ENDPOINT,
     "unix:/run/dovecot/lmtp", NO_LIMIT,
     "where that server listens; with backend = lmtp"},
    {"delivery", "mailbox_path", PH_SETTING_TEXT, "{domain}/{local}", NO_LIMIT,
     "where a mailbox is below its database; in braces local, domain, address "
     "or an attribute of the recipient, each made fit for one directory"},
    {"delivery", "mailbox_user", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "owner of mailboxes: a name, a number or {attribute}; empty: the daemon's "
     "user, else it is started as root and may go on giving files away"},
    {"delivery", "mailbox_group", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "their group, likewise"},
    {"delivery", "mailbox_mode", PH_SETTING_TEXT, "0600", NO_LIMIT,
     "mode of messages; who may read may enter directories"},
    {"delivery", "mailbox_full", PH_SETTING_WORD, "refuse", 0, 0, full_words,
     "mail beyond a mailbox's quota: refused with 552 5.2.2, or deferred with "
     "452 4.2.2"},
    {"delivery", "junk_folder", PH_SETTING_TEXT, "Junk", NO_LIMIT,
     "folder for mail above SCLJunkThreshold; empty: the Inbox"},
    {"delivery", "extension", PH_SETTING_WORD, "inbox", 0, 0, extension_words,
     "mail for local+text@domain, with AllowPlusAddressInRecipients: to the "
     "Inbox, to the folder of that name if there is one, or which is made"},
    {"delivery", "notify", PH_SETTING_BOOL, "yes", NO_LIMIT,
     "tell of each message on the channel notify in Redis"},
    {"delivery", "hook", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "command that is run for each message, with JSON on standard input; not "
     "by a shell"},
    {"delivery", "webhook", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "http:// or https:// address that the same JSON is posted to"},
    {"delivery", "hook_timeout", PH_SETTING_SPAN, "10s", 10, 10 * MINUTE, NULL,
     "limit of one run of either; no answer waits for it"},
    {"delivery", "hook_concurrency", PH_SETTING_INT, "4", 1, 64, NULL,
     "runs at once, of each"},
    {"delivery", "max_message_size", PH_SETTING_SIZE, "36MB", 0, 0, NULL,
     "larger messages are refused; 0: no limit"},
    {"delivery", "recipients", PH_SETTING_INT, "1000", 1, 50000, NULL,
     "recipients of one transaction"},
    {"delivery", "inactive", PH_SETTING_WORD, "reroute", 0, 0, inactive_words,
     "mail for a database that is active on another server: handed over to "
     "that server, deferred, or refused"},
    {"delivery", "no_active_copy", PH_SETTING_WORD, "retry", 0, 0,
     missing_words,
     "mail for a database that is active on no server: deferred, or refused"},
    {"delivery", "no_database", PH_SETTING_WORD, "retry", 0, 0, missing_words,
     "mail for a mailbox whose database does not exist, or no longer: "
     "deferred, or refused"},
    {"delivery", "activation_hook", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "command that runs before this server takes over a database that has "
     "several copies; exit status 0: its copy is ready"},
    {"delivery", "activation_timeout", PH_SETTING_SPAN, "60s", 100, 1 * H, NULL,
     "limit of activation_hook; after it another copy's turn comes"},
    {"delivery", "postqueue", PH_SETTING_TEXT, "/usr/sbin/postqueue", NO_LIMIT,
     "command that lists this server's queue and asks for deferred mail, when "
     "a database or its server is back; empty: mail waits for its next try"},
    {"delivery", "duplicate_window", PH_SETTING_SPAN, "7d", 0, 365 * D, NULL,
     "how long a second copy of a message is recognised"},
    {"delivery", "timeout", PH_SETTING_SPAN, "300s", 1 * S, 1 * H, NULL,
     "how long an idle client is kept"},

    {"submission", "rescan", PH_SETTING_SPAN, "10s", 100, 1 * H, NULL,
     "how often all Outboxes are looked at, beside what the kernel tells"},
    {"submission", "concurrency", PH_SETTING_INT, "20", 1, 1000, NULL,
     "messages submitted at once, half of them of one mailbox at most; "
     "MaxConcurrentMailboxSubmissions of this server's mailboxtransport object "
     "comes before it"},
    {"submission", "max_message_size", PH_SETTING_SIZE, "36MB", 0, 0, NULL,
     "larger messages go back to their owner; 0: no limit"},
    {"submission", "retry_min", PH_SETTING_SPAN, "5s", 10, 1 * D, NULL,
     "wait after the first try that failed; it doubles with each"},
    {"submission", "retry_max", PH_SETTING_SPAN, "5m", 10, 1 * D, NULL,
     "longest wait between two tries"},
    {"submission", "expiry", PH_SETTING_SPAN, "2d", 1 * S, 90 * D, NULL,
     "MessageExpirationTimeout: after it the owner is told"},
    {"submission", "resent", PH_SETTING_WORD, "own", 0, 0, resent_words,
     "whose From and Sender a resent message may have: the owner's own, or "
     "anybody's where Resent-From is the owner's"},
    {"submission", "sent_copy", PH_SETTING_WORD, "submitted", 0, 0, sent_words,
     "what is kept in Sent: the message as its owner submitted it, with Bcc, "
     "or "
     "as it was sent"},
    {"submission", "imap", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "host:port or unix:path of the IMAP server that has the mailboxes; empty: "
     "Maildirs below [delivery] store"},
    {"submission", "imap_tls", PH_SETTING_WORD, "off", 0, 0, imap_tls_words,
     "starttls, or imaps: TLS from the start"},
    {"submission", "imap_ca_file", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "authorities of the IMAP server's certificate; empty: the system's"},
    {"submission", "imap_user", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "master user, who may log in as everybody (SASL PLAIN with an "
     "authorization identity)"},
    {"submission", "imap_password_file", PH_SETTING_TEXT, NULL, NO_LIMIT,
     "file whose first line is the master's password"},
    {"submission", "imap_idle", PH_SETTING_INT, "1000", 0, 100000, NULL,
     "sessions with IDLE at most; other mailboxes are polled each rescan"},
    {"submission", "imap_outbox", PH_SETTING_TEXT, "Outbox", NO_LIMIT,
     "the IMAP server's name of it"},
    {"submission", "imap_sent", PH_SETTING_TEXT, "Sent", NO_LIMIT,
     "the IMAP server's name of it"},
    {"submission", "imap_drafts", PH_SETTING_TEXT, "Drafts", NO_LIMIT,
     "the IMAP server's name of it"},
    {"submission", "connect_timeout", PH_SETTING_SPAN, "3s", 10, 5 * MINUTE,
     NULL, "limit of a connection to a Transport server"},
    {"submission", "timeout", PH_SETTING_SPAN, "60s", 10, 10 * MINUTE, NULL,
     "limit of an answer of a Transport server"},
    {"submission", "final_timeout", PH_SETTING_SPAN, "600s", 10, 1 * H, NULL,
     "limit of its answer to a whole message"},

    {NULL, NULL, PH_SETTING_TEXT, NULL, NO_LIMIT, NULL},
};
