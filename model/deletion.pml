/* The deletion protocol of mediasweep, for the model checker Spin. docs/model.md maps it to the code and says how to run it.

   One asset, rows of the application that use it, queue rows that let go of it, two workers, an operator, and whatever can
   go wrong, each as often as a budget allows. An `atomic` is one statement or one transaction of the real thing; between
   any two of them anything may happen. Time is not counted: what may come late may come at any time, until what has to be
   waited for is over. Which rules are removed, what is checked and what the world is like is read from the environment
   when the checker starts, so that it is compiled once for all configurations. */

c_decl {
  static int given(const char *name) { const char *text = getenv(name); return text ? atoi(text) : 0; }
};

/* The rules of the protocol. Removing any of them must give a counterexample. */
#define HORIZON 0          /* a row waits for the writers that were open when its barrier was taken */
#define YOUNGER_WRITERS 1  /* … also for those that began between the capture and its commit */
#define SIBLINGS 2         /* … and for the barrier of every other new row of the same asset */
#define SIBLINGS_SEEN 3    /* … which the guard looks for, because the lock is too early */
#define LOCK_FIRST 4       /* the guard looks after the row has been locked */
#define GUARD_AGAIN 5      /* the guard looks at a hand-over, too */
#define GUARD_ERRORS 6     /* a guard that fails has not said "free" */
#define GUARD_LAST 7       /* a claim gives up only after its guard */
#define COMMIT_FIRST 8     /* nothing is sent before the mark is committed */
#define DURABLE 9          /* the mark's commit is flushed, and with it all that was committed before */
#define LEASE 10           /* nobody takes over before the lease has passed */
#define DEADLINE 11        /* nothing is sent once the lease is over by the worker's own clock */
#define CLAIM_NO 12        /* a record counts only under the claim number that it was made for */
#define HANDOVER 13        /* a claim whose lease has passed, or in doubt and due, is taken over */
#define ONE_WAY 14         /* … and does not go back to pending for that */
#define DOUBTS_TAKEN 15    /* … and is in doubt from then on */
#define DOUBTS_UNKNOWN 16  /* an unknown outcome leaves the row processing, in doubt */
#define DOUBTS_REFUSED 17  /* a refusal leaves a row that is in doubt where it is */
#define OWNER_KEEPS 18     /* the owner never fails a row because it does not know */
#define NO_SKIP 19         /* in use while in doubt: failed, not skipped */
#define SETTLE 20          /* after the last attempt, a row waits until nothing that it sent can act any more */
#define POISON_SETTLE 21   /* … and so it does after the last hand-over */
#define RETRY_DOUBTS 22    /* an operator's retry keeps in_doubt */
#define RETRY_NUMBER 23    /* … and the claim number */
#define NO_CANCEL 24       /* what is in doubt cannot be cancelled */
#define CANCEL_ALL 25      /* a cancel takes along the other pending rows of the same asset */
#define TRIGGER_LOCKS 26   /* the reference trigger locks the queue rows that it reads, until its transaction ends */
#define TRIGGER_DOUBTS 27  /* it stops at every row in doubt, not only at one that has failed */
#define TRIGGER_GONE 28    /* it refuses where a row was completed */
#define TRIGGER_LIMIT 29   /* where it waits, it does not wait for ever */

/* The properties. */
#define DANGLING 0         /* there is a committed reference, and the asset is gone */
#define BLIND 1            /* a claim sends or gives up, though the asset has been in use since before it locked the row */
#define STRAY 2            /* sent under a claim that is not committed, or has been taken over */
#define ILLEGAL 3          /* out of completed; out of doubt by claim, owner or cancel */
#define UNSETTLED 4        /* given up while a request of the row may still act */
#define LOST 5             /* all is quiet, but a row is unfinished; or an unused asset stays and no row has failed */

/* The world: without any of these, the application never uses again what it has let go of (level 0). */
#define AGAIN 0            /* it does (level 1) */
#define WITHIN_GRACE 1     /* … as long as the row that let go has its grace */
#define LOOKS_FIRST 2      /* … after having seen that the asset is there */
#define LOOKS 3            /* … in the very statement that sees it there */
#define WHILE_CLAIMED 4    /* … having read before, while row 0 is processing */
#define WHILE_IN_DOUBT 5   /* … while row 0 is processing, in doubt */
#define WHILE_FAILED 6     /* … while row 0 has failed, in doubt */
#define REPEATABLE 7       /* its transactions read first, and see the database as it was then */
#define IMPATIENT 8        /* … and are not waited for until they write: it took them more than five seconds */
#define TRIGGER 9          /* the reference trigger is installed */
#define WAITS 10           /* … and waits where it would refuse */
#define BY_ASSET_ID 11     /* deletions name the asset id, which a newer file under the same public id does not have */
#define AFTERWARDS 12      /* such a file is uploaded only when no queue row is unfinished */
#define SLOW 13            /* the transaction that lets go takes its time */
#define ASYNCHRONOUS 14    /* … and is committed without a flush; then Postgres may crash */

int removed, checks, worlds;
#define without(rule) ((removed >> rule) & 1)
#define checked(property) ((checks >> property) & 1)
#define world(fact) ((worlds >> fact) & 1)

#define ROWS 3
#define WORKERS 2
#define MAX_ATTEMPTS 2
#define POISON 1           /* silent hand-overs in a row; the code has twenty */
#define NOT_TAKEN 0        /* a row's barrier: not taken yet, held up by an open transaction, passed */
#define HELD_UP 1
#define PASSED 2
mtype = { PENDING, PROCESSING, COMPLETED, FAILED, SKIPPED, DONE, REFUSED, UNKNOWN, REJECTED };

typedef Row {
  mtype status;
  unsigned claim_no : 4;
  unsigned attempts : 2;
  unsigned handovers : 2;
  unsigned barrier : 2;
  unsigned late : 2;       /* requests that nobody waits for any more, and that may still act */
  bit in_doubt;
  bit leased;
  bit over;                /* the lease has passed */
  bit settle;              /* not due while there are late requests */
  bit locked;              /* by a claim, until it commits */
  bit shared;              /* by the reference trigger, until its transaction ends */
  bit grace;
  bit newer                /* it is about the newer file */
};
Row q[ROWS];
byte rows;                 /* how many of them there are */
byte refs;                 /* committed references */
bit gone, newer, cancelled, unflushed;
bit letting_go, older;     /* a delete is open; a writer was already open when it began */
bit reading, waiting, writing, uploading;   /* the transaction that uses the asset */
byte sees;                 /* … and how many queue rows it can see */
byte on[WORKERS], under[WORKERS];           /* each worker's row and claim number; 0: no claim */
bit busy[WORKERS], calling[WORKERS], too_late[WORKERS], was_used[WORKERS];
/* budgets: how often each thing may happen */
byte releases, uses, uploads, crashes, expiries, unknowns, refusals, rejects, errors, echoes, retries, cancels;

#define unfinished(k) (q[k].status == PENDING || q[k].status == PROCESSING)
#define due(k) (!q[k].grace && !(q[k].settle && q[k].late > 0))
#define ripe(k) (due(k) && (q[k].barrier == PASSED || without(HORIZON)))
#define new_and_unripe(k) (k < rows && q[k].status == PENDING && q[k].claim_no == 0 && !ripe(k))
#define siblings_ripe (without(SIBLINGS) || !(new_and_unripe(0) || new_and_unripe(1) || new_and_unripe(2)))

inline check_dangling() { assert(!(checked(DANGLING) && refs > 0 && gone)) }

inline move(k, to) {
  assert(!(checked(ILLEGAL) && q[k].status == COMPLETED));
  assert(!(checked(ILLEGAL) && q[k].in_doubt && (to == SKIPPED || (to == PENDING && q[k].status == PROCESSING))));
  q[k].status = to
}

#include "application.pml"
#include "worker.pml"
#include "surroundings.pml"

init {
  c_code {
    now.removed = given("removed"); now.checks = given("checks"); now.worlds = given("worlds");
    now.refs = given("refs"); now.releases = given("releases"); now.uses = given("uses"); now.uploads = given("uploads");
    now.crashes = given("crashes"); now.expiries = given("expiries"); now.unknowns = given("unknowns");
    now.refusals = given("refusals"); now.rejects = given("rejects"); now.errors = given("errors");
    now.echoes = given("echoes"); now.retries = given("retries"); now.cancels = given("cancels");
  };
  atomic { run Releaser(); run User(); run Worker(0); run Worker(1); run Time(); run Remote(); run Operator() };
  timeout -> /* nothing more can happen */
    assert(!(checked(LOST) && (unfinished(0) || unfinished(1) || unfinished(2))));
    assert(!(checked(LOST) && refs == 0 && !gone && !cancelled &&
             q[0].status != FAILED && q[1].status != FAILED && q[2].status != FAILED))
}
