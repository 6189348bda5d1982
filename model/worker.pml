/* The worker: lock, guard, mark, commit; send; record. A crash may come between any two steps. */

#define lease_allows(k) (!q[k].leased || q[k].over || without(LEASE))
#define poisonous(k) (q[k].leased && q[k].handovers >= POISON)
#define settled(k) (!poisonous(k) || q[k].late == 0 || without(POISON_SETTLE))
#define may_take(k) (q[k].status == PENDING || !without(HANDOVER))
#define nobody_has(k) (k < rows && unfinished(k) && !q[k].locked && !q[k].shared && lease_allows(k))
#define lockable(k) (nobody_has(k) && settled(k) && may_take(k) && ripe(k) && siblings_ripe)

inline lock(k) { q[k].locked = 1; was_used[w] = (refs > 0); printf("> worker %d locks row %d\n", w, k) }

inline look() { /* the guard; where it fails, the row is put off; where a sibling is not ripe, the row is left as it is */
  if
  :: in_use = (refs > 0); printf("> worker %d, guard of row %d: in use %d\n", w, k, in_use)
  :: errors > 0 -> errors--; printf("> worker %d, guard of row %d: an error\n", w, k);
    if :: without(GUARD_ERRORS) -> in_use = 0 :: else -> q[k].barrier = NOT_TAKEN; left = 1 fi
  fi;
  if :: siblings_ripe || without(SIBLINGS_SEEN) :: else -> left = 1 fi
}

#define spent (!silent && q[k].attempts >= MAX_ATTEMPTS)
#define poison (silent && q[k].handovers >= POISON)

inline give_up() {
  assert(!(checked(BLIND) && was_used[w]));
  assert(!(checked(UNSETTLED) && q[k].late > 0));
  printf("> worker %d gives up row %d: failed\n", w, k);
  move(k, FAILED)
}

inline take() {
  assert(!(checked(BLIND) && was_used[w]));
  move(k, PROCESSING);
  if :: silent -> q[k].handovers++ :: else -> q[k].attempts++ fi;
  q[k].claim_no++; q[k].leased = 1; q[k].over = 0; q[k].settle = 0;
  on[w] = k; under[w] = q[k].claim_no;
  printf("> worker %d takes row %d: processing, claim %d, in doubt %d\n", w, k, q[k].claim_no, q[k].in_doubt)
}

inline mark() {
  silent = q[k].leased;   /* the owner never said how it ended */
  doubtful = (q[k].in_doubt || q[k].status == PROCESSING);
  in_use = in_use && !(without(GUARD_AGAIN) && q[k].status == PROCESSING) && !(without(GUARD_LAST) && spent);
  if
  :: q[k].status == PROCESSING && !without(DOUBTS_TAKEN) -> q[k].in_doubt = 1
  :: else
  fi;
  q[k].leased = 0; q[k].over = 0;
  if
  :: in_use && (!doubtful || without(NO_SKIP)) -> move(k, SKIPPED); printf("> worker %d: row %d skipped\n", w, k)
  :: in_use && doubtful && !without(NO_SKIP) -> move(k, FAILED); printf("> worker %d: row %d failed, reused in doubt\n", w, k)
  :: !in_use && (spent || poison) -> give_up()
  :: else -> take()
  fi;
  q[k].locked = 0;
  if :: without(DURABLE) :: else -> unflushed = 0 fi
}

#define claim_is_committed(w) (q[on[w]].status == PROCESSING && q[on[w]].claim_no == under[w])

inline send() {
  if
  :: too_late[w] && !without(DEADLINE) -> answer = REFUSED; printf("> worker %d does not send row %d\n", w, k)
  :: else -> assert(!(checked(STRAY) && !claim_is_committed(w))); calling[w] = 1; printf("> worker %d sends row %d\n", w, k)
  fi
}

inline act(k) { /* the request of a row does what it asks for */
  if
  :: world(BY_ASSET_ID) && q[k].newer != newer
  :: else -> printf("> the request of row %d acts: the asset is gone\n", k); gone = 1; check_dangling()
  fi
}

inline hear() { /* what Cloudinary did, and what the owner hears of it; `ok` and `not found` are the same here */
  calling[w] = 0;
  if
  :: act(k); answer = DONE
  :: refusals > 0 -> refusals--; answer = REFUSED; printf("> worker %d is refused row %d\n", w, k)
  :: rejects > 0 -> rejects--; answer = REJECTED; printf("> worker %d is told that row %d is wrong\n", w, k)
  :: unknowns > 0 -> unknowns--; q[k].late++; answer = UNKNOWN; printf("> worker %d gives up the request of row %d\n", w, k)
  fi
}

inline record_refused() {
  q[k].barrier = NOT_TAKEN;   /* due now: at a barrier that is taken from now on */
  if :: q[k].attempts > 0 -> q[k].attempts-- :: else fi;
  if
  :: !q[k].in_doubt -> move(k, PENDING)
  :: q[k].in_doubt && without(DOUBTS_REFUSED) -> q[k].in_doubt = 0; move(k, PENDING)
  :: else
  fi
}

inline record_unknown() {
  q[k].barrier = NOT_TAKEN;   /* due later, at a barrier that is taken then */
  q[k].settle = (q[k].attempts >= MAX_ATTEMPTS && !without(SETTLE));
  if
  :: without(OWNER_KEEPS) -> move(k, FAILED)
  :: without(DOUBTS_UNKNOWN) -> move(k, PENDING)
  :: else -> q[k].in_doubt = 1
  fi
}

#define still_mine(w) (q[on[w]].claim_no == under[w] || without(CLAIM_NO))

inline record() {
  if
  :: q[k].status == PROCESSING && q[k].leased && still_mine(w) ->
    q[k].leased = 0; q[k].over = 0; q[k].handovers = 0;
    if
    :: answer == DONE -> move(k, COMPLETED)
    :: answer == REJECTED -> move(k, FAILED)
    :: answer == REFUSED -> record_refused()
    :: answer == UNKNOWN -> record_unknown()
    fi;
    printf("> worker %d records row %d: completed %d, failed %d, pending %d, in doubt %d\n",
           w, k, q[k].status == COMPLETED, q[k].status == FAILED, q[k].status == PENDING, q[k].in_doubt)
  :: else   /* the claim was lost: nothing changes */
  fi
}

#define crash() crashes > 0 -> crashes--; printf("> worker %d crashes, row %d\n", w, k)
#define may_start(w) (w == 0 || busy[0])   /* the workers are alike, so it is the first one that starts */

proctype Worker(byte w) {
  byte k; mtype answer; bit in_use, left, silent, doubtful;
  do
  :: atomic { may_start(w) && (lockable(0) || lockable(1) || lockable(2)) ->
      busy[w] = 1;
      if :: lockable(0) -> k = 0 :: lockable(1) -> k = 1 :: lockable(2) -> k = 2 fi;
      if :: without(LOCK_FIRST) -> look() :: else -> lock(k) fi };
    atomic {
      if
      :: !without(LOCK_FIRST) -> look()
      :: without(LOCK_FIRST) && lockable(k) -> lock(k)
      :: without(LOCK_FIRST) && !lockable(k) -> goto next
      fi;
      if
      :: left -> q[k].locked = 0; goto next
      :: !left && !in_use && without(COMMIT_FIRST) -> q[k].late++   /* it is sent already */
      :: else
      fi };
    atomic {
      if
      :: mark(); if :: under[w] > 0 :: else -> goto next fi
      :: crash(); q[k].locked = 0; goto next
      fi };
    atomic { if :: send(); if :: calling[w] :: else -> goto told fi :: crash(); goto next fi };
    atomic { if :: hear() :: crash(); q[k].late++; goto next fi };
told:
    atomic { /* it passes by a row that a claim has locked, and comes again */
      if :: !q[k].locked -> record() :: crash(); goto next fi;
      if
      :: echoes > 0 -> echoes--; goto told   /* committed, but its answer was lost: once more */
      :: goto next
      fi };
next:
    atomic {
      busy[w] = 0; calling[w] = 0; on[w] = 0; under[w] = 0; was_used[w] = 0; too_late[w] = 0;
      k = 0; answer = 0; in_use = 0; left = 0; silent = 0; doubtful = 0 }
  od
}
