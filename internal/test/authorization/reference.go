package authorization

// Reference is what is kept of the service authorization reference.
type Reference struct {
	// Source says where it is from, with version and date.
	Source     string             `json:"source"`
	GlobalKeys []string           `json:"globalKeys"`
	Services   map[string]Service `json:"services"`
}

// Service is what policies may say about a service. Its name is the prefix of its actions.
type Service struct {
	// ARNs are the forms of its resource types' ARNs, such as
	// "arn:${Partition}:kinesis:${Region}:${Account}:stream/${StreamName}".
	ARNs    map[string]string `json:"arns"`
	Actions map[string]Action `json:"actions"`
}

// Action is one action.
type Action struct {
	// Resources are the resource types that it can be limited to, and whether it needs one of that type. Without any
	// it takes "*".
	Resources map[string]bool `json:"resources,omitempty"`
	// Keys are the condition keys that it has besides the global ones.
	Keys []string `json:"keys,omitempty"`
}
