#include "tests/unit/lib/routing/world.h"

START_TEST(test_fields)
{
	struct world w;
	const struct ph_server *server;
	const struct ph_server *const *all;
	size_t n;

	world_open(&w, "site A HubSiteEnabled=true InboundMailEnabled=false\n"
		       "site B\n"
		       "server MBX2 Site=a State=Draining Roles=HubTransport "
		       "Fqdn=mbx2.example.com Frontend=[2001:db8::1]:25\n"
		       "server mbx1\n");
	ck_assert_str_eq(w.err.text, "");
	server = ph_topology_server(w.topology, "mbx2");
	ck_assert_ptr_nonnull(server);
	ck_assert_str_eq(server->name, "MBX2");
	ck_assert_str_eq(server->fqdn, "mbx2.example.com");
	ck_assert_str_eq(server->site->name, "A");
	ck_assert(server->site->hub && !server->site->inbound);
	ck_assert(!ph_topology_site(w.topology, "B")->hub);
	ck_assert(ph_topology_site(w.topology, "B")->inbound);
	ck_assert_int_eq(server->state, PH_SERVER_DRAINING);
	ck_assert(server->transport_role && !server->mailbox_role &&
		  !server->frontend_role);
	ck_assert_str_eq(server->service[PH_SERVICE_FRONTEND].host,
			 "2001:db8::1");
	ck_assert_int_eq(server->service[PH_SERVICE_TRANSPORT].port, 2525);
	server = ph_topology_server(w.topology, "MBX1");
	ck_assert_str_eq(server->fqdn, "mbx1");
	ck_assert_ptr_null(server->site);
	ck_assert_ptr_null(server->dag);
	ck_assert_str_eq(server->service[PH_SERVICE_FRONTEND].host, "");
	ck_assert_ptr_null(ph_topology_server(w.topology, "MBX3"));
	ck_assert_ptr_null(ph_topology_server(w.topology, NULL));
	all = ph_topology_servers(w.topology, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(all[0]->name, "mbx1");
	ck_assert_str_eq(all[1]->name, "MBX2");
	world_close(&w);
}
END_TEST

START_TEST(test_peer)
{
	struct world w;
	const struct ph_server *mbx1;

	world_open(&w,
		   "server MBX1 Fqdn=MBX1.example.com Transport=192.0.2.1:2525 "
		   "Delivery=[2001:DB8:0::7]:475\n"
		   "server MBX2 Fqdn=mbx2.example.com Transport=0.0.0.0:2525 "
		   "Delivery=192.0.2.1:476\n");
	mbx1 = ph_topology_server(w.topology, "MBX1");
	ck_assert_ptr_eq(ph_topology_peer(w.topology, "mbx1.EXAMPLE.com"),
			 mbx1);
	ck_assert_ptr_eq(ph_topology_peer(w.topology, "192.0.2.1"), mbx1);
	ck_assert_ptr_eq(ph_topology_peer(w.topology, "2001:db8::7"), mbx1);
	ck_assert_str_eq(ph_topology_peer(w.topology, "mbx2.example.com")->name,
			 "MBX2");
	/* "All addresses" is where a service listens, not who it is. */
	ck_assert_ptr_null(ph_topology_peer(w.topology, "0.0.0.0"));
	ck_assert_ptr_null(ph_topology_peer(w.topology, "192.0.2.2"));
	ck_assert_ptr_null(ph_topology_peer(w.topology, ""));
	ck_assert_ptr_null(ph_topology_peer(w.topology, NULL));
	world_close(&w);
}
END_TEST

START_TEST(test_dag)
{
	struct world w;
	const struct ph_server *mbx1, *mbx3;

	world_open(&w, "server MBX1 DatabaseAvailabilityGroup=DAG9\n"
		       "server MBX2\nserver MBX3\n"
		       "server MBX4 DatabaseAvailabilityGroup=DAG1\n"
		       "dag DAG2 Servers=MBX2,MBX3\n"
		       "dag DAG1 Servers=MBX2,MBX1,NONE\n");
	mbx1 = ph_topology_server(w.topology, "MBX1");
	mbx3 = ph_topology_server(w.topology, "MBX3");
	ck_assert_str_eq(mbx1->dag->name, "DAG1");
	ck_assert_str_eq(mbx1->dag->servers[0]->name, "MBX1");
	ck_assert_str_eq(mbx1->dag->servers[1]->name, "MBX2");
	ck_assert_ptr_null(mbx1->dag->servers[2]);
	ck_assert_str_eq(mbx3->dag->name, "DAG2");
	ck_assert_ptr_eq(mbx3->dag->servers[0], mbx3);
	ck_assert_ptr_null(mbx3->dag->servers[1]);
	ck_assert_ptr_null(ph_topology_server(w.topology, "MBX4")->dag);
	ck_assert_int_eq(w.err.kind, PH_ERR_PERM);
	ck_assert_ptr_nonnull(
	    strstr(w.err.text, "dag DAG1: server NONE does not exist"));
	ck_assert_ptr_nonnull(strstr(
	    w.err.text, "server MBX2 is in the DAGs DAG1 and DAG2; DAG1"));
	ck_assert_ptr_nonnull(
	    strstr(w.err.text, "server MBX1: DatabaseAvailabilityGroup is "
			       "DAG9, but it is in the Servers of DAG1"));
	ck_assert_ptr_nonnull(
	    strstr(w.err.text, "server MBX4: DatabaseAvailabilityGroup is "
			       "DAG1, but that DAG's Servers do not name it"));
	world_close(&w);
}
END_TEST

static const char *
active_of(const struct world *w, const char *database)
{
	const struct ph_database *found =
	    ph_topology_database(w->topology, database);

	ck_assert_ptr_nonnull(found);
	return found->active ? found->active->name : "none";
}

START_TEST(test_database)
{
	struct world w;

	world_open(&w, "server MBX1\nserver MBX2\n"
		       "database DB1 Servers=MBX2,MBX1 Active=MBX1 Epoch=7\n"
		       "database DB2 Servers=MBX2,MBX1\n"
		       "database DB3 Active=MBX1\n"
		       "database DB4\n"
		       "database DB5 Servers=MBX2,GONE Active=GONE\n"
		       "database DB6 Servers=GONE,MBX2 Active=MBX2\n");
	ck_assert_str_eq(active_of(&w, "db1"), "MBX1");
	ck_assert_int_eq(ph_topology_database(w.topology, "DB1")->epoch, 7);
	ck_assert_str_eq(
	    ph_topology_database(w.topology, "DB1")->servers[0]->name, "MBX2");
	ck_assert_str_eq(active_of(&w, "DB2"), "MBX2");
	ck_assert_str_eq(active_of(&w, "DB3"), "MBX1");
	ck_assert_ptr_null(ph_topology_database(w.topology, "DB3")->servers[1]);
	ck_assert_str_eq(active_of(&w, "DB4"), "none");
	ck_assert_str_eq(active_of(&w, "DB5"), "none");
	ck_assert_str_eq(active_of(&w, "DB6"), "MBX2");
	ck_assert_ptr_null(ph_topology_database(w.topology, "DB7"));
	ck_assert_ptr_nonnull(strstr(
	    w.err.text, "database DB5: Active names GONE, which does not"));
	ck_assert_ptr_nonnull(
	    strstr(w.err.text, "database DB6: server GONE does not exist"));
	world_close(&w);
}
END_TEST

START_TEST(test_bad_links)
{
	struct world w;

	world_open(&w, "site A\nsite B\nserver MBX1 Site=Z\n"
		       "sitelink L Sites=A,X,B\n");
	ck_assert_ptr_nonnull(
	    strstr(w.err.text, "sitelink L: site X does not exist; "));
	ck_assert_ptr_nonnull(
	    strstr(w.err.text, "server MBX1: site Z does not exist"));
	ck_assert_int_eq(
	    ph_topology_path(w.topology, ph_topology_site(w.topology, "A"),
			     ph_topology_site(w.topology, "B"), NULL, NULL),
	    100);
	world_close(&w);
}
END_TEST

/* Whoever may write an endpoint may not write a list of next hops. */
START_TEST(test_bad_endpoint)
{
	static const char *const bad[] = {"unix:/run/x", "a,[b]:25", "[a]b:25",
					  "a;b:25"};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *line =
		    g_strdup_printf("server MBX1 Transport=%s", bad[i]);
		struct ph_pair pair = {"Transport", bad[i]};
		struct ph_object *object = NULL;
		struct world w;

		if (ph_object_parse(ph_kind_find("server"), "MBX1", &pair, 1,
				    &object, NULL) < 0)
			continue;
		ph_object_unref(&object);
		world_open(&w, line);
		ck_assert_str_eq(ph_topology_server(w.topology, "MBX1")
				     ->service[PH_SERVICE_TRANSPORT]
				     .host,
				 "");
		ck_assert_ptr_nonnull(
		    strstr(w.err.text, "server MBX1: Transport: "));
		world_close(&w);
	}
}
END_TEST

START_TEST(test_empty)
{
	struct world w;
	size_t n = 9;

	world_open(&w, "");
	ck_assert_ptr_null(ph_topology_site(w.topology, ""));
	ph_topology_servers(w.topology, &n);
	ck_assert_uint_eq(n, 0);
	world_close(&w);
}
END_TEST

UNIT_MAIN("lib/routing/topology", test_fields, test_peer, test_dag,
	  test_database, test_bad_links, test_bad_endpoint, test_empty)
