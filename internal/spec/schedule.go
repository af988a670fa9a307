package spec

// ScheduleGroup is a group of EventBridge Scheduler.
type ScheduleGroup struct {
	Tags map[string]string
}

// Schedule is a schedule of EventBridge Scheduler, at exact times and in UTC. Its Ref.Name is "group|schedule". It
// carries no tags, so it belongs to whom its group belongs to.
type Schedule struct {
	Group       string
	Description string
	Expression  string // such as "rate(1 minute)"
	TargetARN   string
	RoleARN     string // that invokes the target
	Input       string // JSON for the target
	// MaxAgeSeconds is how long an invocation that failed is tried again, MaxRetries how often.
	MaxAgeSeconds int32
	MaxRetries    int32
	DeadLetterARN string // of the queue that gets what was not delivered
	// Only observed: a wanted schedule is enabled and runs at the exact time.
	Disabled, Flexible bool
}
