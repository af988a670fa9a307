package assembly

// Part is one wanted AWS object of an assembly.
type Part struct {
	Key  string // unique in the assembly, such as "rule/alerts"
	Kind string // names the driver, such as "topic_rule"
	Name string // deterministic AWS name
	ARN  string // as predicted; empty when AWS decides it
	// Needs are the keys of the parts that must be usable first.
	Needs []string
	// Want gives the wanted spec, of the type its driver works on. It is called when
	// all Needs are usable and sees their records. It must be pure.
	Want func(Upstream) (any, error)
}

// Upstream gives the records of a part's needs, by key.
type Upstream map[string]Record

// Status of a recorded part.
type Status string

// Ready is the status of a part that is as wanted. Every other status is a
// reason to visit the part in the next apply.
const (
	Ready      Status = "ready"
	Missing    Status = "missing"    // recorded, and gone
	Incomplete Status = "incomplete" // made, and not finished
	Foreign    Status = "foreign"    // the name is taken by an object that is not ours
	Drifted    Status = "drifted"    // followed by ": " and the fields that differ
)

// Record is what is remembered of a part: enough to delete it without any
// configuration.
type Record struct {
	Key     string            `json:"key"`
	Kind    string            `json:"kind"`
	Name    string            `json:"name"`
	ID      string            `json:"id"`
	ARN     string            `json:"arn"`
	Outputs map[string]string `json:"outputs,omitempty"`
	Needs   []string          `json:"needs,omitempty"`
	Status  Status            `json:"status"`
}

// Ref gives the reference a driver works with.
func (r Record) Ref(owner string) Ref {
	return Ref{Name: r.Name, ID: r.ID, Owner: owner, Outputs: r.Outputs}
}
