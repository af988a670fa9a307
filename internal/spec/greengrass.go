package spec

// RoleAlias is a role alias of AWS IoT: devices whose policy allows it get credentials of the role.
type RoleAlias struct {
	RoleARN string
	// DurationSeconds is how long the credentials hold.
	DurationSeconds int32
	Tags            map[string]string
}

// GroupMembers are the things of a static thing group; Ref.Name is the group's name. A group without things has none.
type GroupMembers struct {
	Things []string // sorted
}

// ComponentVersionOutput is the output of a component that holds its newest version.
const ComponentVersionOutput = "version"

// Component is a component of Greengrass V2 in all its versions, of which this is the newest; Ref.Name is its name.
// Versions never change, and older ones stay until the component is deleted.
type Component struct {
	// Version is made of digits and dots. If it is "", the component stays as it is.
	Version   string
	Recipe    string // JSON
	Artifacts []Artifact
	Tags      map[string]string
	// Failed is only ever observed: why AWS could not make the version.
	Failed string
}

// Artifact is an object that a recipe names. Observed are those that exist.
type Artifact struct {
	Bucket, Key string
	SHA256      []byte
	// Content gives the object; called only when it must be sent.
	Content func() ([]byte, error) `json:"-"`
}

// URI is the artifact's name in a recipe.
func (a Artifact) URI() string { return "s3://" + a.Bucket + "/" + a.Key }

// Deployment is what the core devices of a thing group run; Ref.Name is the group's name. A change is a new revision.
type Deployment struct {
	TargetARN string // of the group
	Name      string
	Component string
	Version   string
	// Configuration is JSON that is merged into the default configuration of the component.
	Configuration string
	// Rollback lets a core device on which the deployment fails go back to what it ran before.
	Rollback bool
	Rollout  Rollout
	Tags     map[string]string
	// Ended is only ever observed: somebody cancelled the deployment, or it was aborted.
	Ended bool
}

// Rollout is how fast core devices get a revision, and what stops it. A zero means: not set.
type Rollout struct {
	MaximumPerMinute int32
	// StartPerMinute is the first rate, which is multiplied by GrowthFactor each time that GrowthAfter core devices
	// have succeeded.
	StartPerMinute, GrowthFactor, GrowthAfter int32
	// AbortPercent of failures cancels the rollout, as soon as AbortMinimum core devices have an outcome.
	AbortPercent, AbortMinimum int32
	// TimeoutMinutes is how long one core device may take.
	TimeoutMinutes int64
}
