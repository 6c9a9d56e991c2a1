/* The sleep protocol of runtime/sched/sleep_protocol.md, for spin: every interleaving there is, where the
   C++ models bound the preemptions but know weak memory. Here each step is one of a machine that is
   sequentially consistent.

   WORKERS loops that look for work in one queue, TASKS submitters that bring a task each: OUTSIDE of them
   come from threads outside, the others are made by the first task that runs. A task runs until all have
   begun, so that what lies behind a busy worker while another sleeps is a task that never runs: at most
   as many tasks as workers.

   sleep.py runs it as it is, and with each bug of BUGS planted. */

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef TASKS
#define TASKS 2
#endif
#ifndef OUTSIDE
#define OUTSIDE TASKS
#endif
#define NOBODY 255

#define AWAKE 0
#define ASLEEP 1
#define LOOK_AROUND 2

byte queue = 0;             /* Q: tasks that may be seen */
bool announced[WORKERS];    /* A */
byte searching = 0;         /* S */
byte mailbox[WORKERS];
bool reactor[WORKERS];      /* the eventfd was written */
byte begun = 0;             /* tasks that run or have run */

inline unpark(whom) {
    atomic {
        if
        :: mailbox[whom] == ASLEEP -> reactor[whom] = true
        :: else
        fi;
        mailbox[whom] = LOOK_AROUND
    }
}

inline anybody(result) {
    atomic {
        result = false;
        i = 0;
        do
        :: i < WORKERS -> result = result || announced[i]; i++
        :: else -> break
        od;
        i = 0
    }
}

/* Scheduler::notify and wake_one; `from` is not asked. Uses the locals yes, i, which, left, and leaves them
   as it found them: states that differ in what nobody will read are explored twice. */
inline notify(from) {
    anybody(yes);
    do
    :: atomic { !yes || searching != 0 -> yes = false; break }
    :: atomic { yes && searching == 0 -> which = 0; yes = false };
        do
        :: atomic { which < WORKERS && (which == from || !announced[which]) -> which++ }
        :: atomic { which == WORKERS -> break }
        :: atomic { which < WORKERS && which != from && announced[which] -> skip };
            searching++;
            if
            :: atomic { announced[which] -> announced[which] = false };
               unpark(which);
               break
            :: atomic {
                   !announced[which] -> searching--;
#ifndef CHOOSE_IN_SILENCE
                   yes = (searching == 0);      /* others may have relied on it: begin again */
#endif
                   which++
               };
               if
               :: yes -> break
               :: else
               fi
            fi
        od;
        atomic {
            which = 0;
            if
            :: yes -> anybody(yes)
            :: else
            fi
        }
    od
}

proctype submitter() {
    bool yes;
    byte i, which;
    queue++;
    notify(NOBODY)
}

/* Leaves S; the last one looks after those it has published for. */
inline end_search(silent) {
    atomic { searching--; yes = (searching == 0 && !silent); is_searching = false };
    if
    :: yes -> notify(me)
    :: else
    fi
}

proctype worker(byte me) {
    bool yes, is_searching, sees;
    byte i, which, left;

turn:
    atomic { if :: mailbox[me] == LOOK_AROUND -> mailbox[me] = AWAKE :: else fi };

    /* search: not where half of them do already, nor again as one who was chosen */
    if
    :: atomic { !is_searching && 2 * searching < WORKERS -> searching++; is_searching = true }
    :: atomic { is_searching || 2 * searching >= WORKERS -> skip }
    fi;
    if
    :: atomic { queue > 0 -> queue-- };
#ifndef RUN_WHILE_SEARCHING
        if
        :: is_searching ->
#ifdef FIND_IN_SILENCE
            end_search(true)
#else
            end_search(false)
#endif
        :: else
        fi;
#endif
        goto work
    :: atomic { queue == 0 -> skip }
    fi;

    /* park */
#ifdef LOOK_BEFORE_ANNOUNCE
    sees = queue > 0;
    announced[me] = true;
    atomic { searching = searching - (is_searching -> 1 : 0); is_searching = false };
#else
    announced[me] = true;
    atomic { searching = searching - (is_searching -> 1 : 0); is_searching = false };
#ifdef NO_LAST_LOOK
    sees = false;
#else
    sees = queue > 0;
#endif
#endif
    if
    :: !sees ->
        if
        :: atomic { mailbox[me] == AWAKE -> mailbox[me] = ASLEEP };
end_asleep: atomic { reactor[me] -> reactor[me] = false };
            atomic { if :: mailbox[me] == ASLEEP -> mailbox[me] = AWAKE :: else fi }
        :: atomic { mailbox[me] != AWAKE -> skip }
        fi
    :: else
    fi;
    atomic {
        if
        :: !announced[me] ->
#ifdef RETRACT_UNCHECKED
            skip
#else
            is_searching = true   /* whoever chose it has counted it */
#endif
        :: else ->
            announced[me] = false;
            if
            :: sees -> searching++; is_searching = true
            :: else
            fi
        fi;
        sees = false
    };
    goto turn;

work:
    begun++;
    if
    :: begun == 1 && OUTSIDE < TASKS ->
        left = TASKS - OUTSIDE;
        do
        :: left > 0 -> queue++; left--
        :: else -> break
        od;
        notify(me)
    :: else
    fi;
end_busy:
    begun == TASKS;
    goto turn
}

init {
    byte count;
    atomic {
        count = 0;
        do
        :: count < WORKERS -> run worker(count); count++
        :: else -> break
        od;
        count = 0;
        do
        :: count < OUTSIDE -> run submitter(); count++
        :: else -> break
        od
    };
    timeout;                 /* nobody can go on */
    assert(begun == TASKS)   /* a task was left lying */
}
