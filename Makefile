# What a newcomer and a contributor type. The work is in scripts/; every target is safe to run again.

PROFILE ?= release
CLUSTER ?= test
TESTS ?=
export PROFILE CLUSTER

.PHONY: help
help:
	@echo "make demo       set up, build, fill a private server with a demo platform and print its dashboards"
	@echo "make demo-stop  stop the demo's server (its data stays)"
	@echo "make setup      install what is missing on Debian"
	@echo "make install    put the extension into the PostgreSQL that PG_CONFIG= or pg_config names"
	@echo "make test       every test layer"
	@echo "make bench      measure; the results go to bench/results/"
	@echo "make clean      stop our servers and remove everything that was built"
	@echo
	@echo "For working on it (PROFILE=dev builds quicker):"
	@echo "make build      build into a private copy of PostgreSQL"
	@echo "make lint       formatting and clippy"
	@echo "make regress    the SQL tests; TESTS=\"a b\" runs some"
	@echo "make regress-accept TESTS=a   takes what they printed last as expected"
	@echo "make isolation  every interleaving of writers, readers and refreshes; TESTS=\"a b\" runs some"
	@echo "make drills     jobs under kill -9, stops and drops at full length, each figure beside its target"
	@echo "make figures    count what has more rights than its callers: definer functions, unsafe blocks"
	@echo "make tap        the tests that start servers of their own; TESTS=001_install.t runs one"
	@echo "make attacks    everything that an attacker may try, and that it fails; TESTS=identity.t runs one"

.PHONY: setup demo install test lint build regress isolation tap drills figures clean
setup demo install test lint build drills figures clean:
	@scripts/$@.sh

regress isolation tap:
	@scripts/$@.sh $(TESTS)

.PHONY: attacks
attacks:
	@VEND_QUERIES=$${VEND_QUERIES:-10000} scripts/attacks.sh $(TESTS)

.PHONY: regress-accept
regress-accept:
	@scripts/regress.sh --accept $(TESTS)

.PHONY: demo-stop
demo-stop:
	@scripts/cluster.sh stop demo

.PHONY: bench
bench:
	@bench/run.sh $(TESTS)
