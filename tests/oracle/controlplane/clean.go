package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

const (
	cleanTimeout = 30 * time.Second
	// Controllers take finalizers off what they are done with; after so many passes they had
	// their chance, and what is left waits for something that no longer exists.
	patientPasses = 20
)

// ownAffairs are groups and resources that the control plane writes for itself at any time.
var ownAffairs = []string{"flowcontrol.apiserver.k8s.io", "apiregistration.k8s.io", "coordination.k8s.io", "events", "componentstatuses"}

// object is one object, whatever its kind.
type object struct {
	resource        schema.GroupVersionResource
	namespace, name string
}

// cleaner removes what was made since it was told to remember.
type cleaner struct {
	discovery discovery.DiscoveryInterface
	client    metadata.Interface
	core      corev1.CoreV1Interface
	known     map[object]bool
}

func newCleaner(config *rest.Config) (*cleaner, error) {
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	typed, err := corev1.NewForConfig(config)
	return &cleaner{discovery: disco, client: client, core: typed}, err
}

// isPopulated says whether the controllers have written what every cluster starts with.
func (c *cleaner) isPopulated(ctx context.Context) bool {
	for _, namespace := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		accounts := c.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"})
		if _, err := accounts.Namespace(namespace).Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return false
		}
		maps := c.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"})
		if _, err := maps.Namespace(namespace).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{}); err != nil {
			return false
		}
	}
	return true
}

func (c *cleaner) remember(ctx context.Context) error {
	found, err := c.survey(ctx)
	c.known = map[object]bool{}
	for object := range found {
		c.known[object] = true
	}
	return err
}

// clean removes every object that was not there at first, and says how many there were.
func (c *cleaner) clean(parent context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(parent, cleanTimeout)
	defer cancel()
	removed, left := map[object]bool{}, []object{}
	var refusal error // of the pass before; a webhook that a test has left may refuse until it is gone
	for pass := 0; ; pass++ {
		found, err := c.survey(ctx)
		if ctx.Err() != nil {
			return len(removed), fmt.Errorf("still there: %v (%v)", left, refusal)
		}
		if err != nil {
			return len(removed), err
		}
		maps.DeleteFunc(found, func(o object, _ metav1.PartialObjectMetadata) bool { return c.known[o] })
		left = slices.Collect(maps.Keys(found))
		if len(left) == 0 {
			return len(removed), nil
		}
		inside := map[string]int{}
		for _, o := range left {
			removed[o] = true
			inside[o.namespace]++
		}
		for o, meta := range found {
			if o.resource.Resource == "namespaces" && meta.DeletionTimestamp != nil && inside[o.name] == 0 {
				err = c.release(ctx, meta)
			} else {
				err = c.remove(ctx, o, meta, pass)
			}
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				refusal = err
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *cleaner) remove(ctx context.Context, o object, meta metav1.PartialObjectMetadata, pass int) error {
	client := c.client.Resource(o.resource).Namespace(o.namespace)
	var err error
	switch {
	// A pod that is on its way out waits for a kubelet, and its node may be gone.
	case meta.DeletionTimestamp == nil || o.resource.Resource == "pods":
		err = client.Delete(ctx, o.name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
	case pass >= patientPasses && len(meta.Finalizers) > 0:
		_, err = client.Patch(ctx, o.name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	}
	return err
}

// release ends an empty namespace; its controller would wait for five seconds, in case another
// API server has not heard of the deletion.
func (c *cleaner) release(ctx context.Context, meta metav1.PartialObjectMetadata) error {
	namespace := core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: meta.Name, ResourceVersion: meta.ResourceVersion}}
	_, err := c.core.Namespaces().Finalize(ctx, &namespace, metav1.UpdateOptions{})
	return err
}

// survey lists every object that can be deleted.
func (c *cleaner) survey(ctx context.Context) (map[object]metav1.PartialObjectMetadata, error) {
	lists, err := c.discovery.ServerPreferredResources()
	if err != nil {
		return nil, err
	}
	var (
		group  sync.WaitGroup
		guard  sync.Mutex
		found  = map[object]metav1.PartialObjectMetadata{}
		failed error
	)
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, kind := range list.APIResources {
			if slices.Contains(ownAffairs, version.Group) || slices.Contains(ownAffairs, kind.Name) ||
				!slices.Contains(kind.Verbs, "list") || !slices.Contains(kind.Verbs, "delete") {
				continue
			}
			resource := version.WithResource(kind.Name)
			group.Go(func() {
				items, err := c.client.Resource(resource).List(ctx, metav1.ListOptions{})
				guard.Lock()
				defer guard.Unlock()
				if err != nil {
					// A CustomResourceDefinition may go between the two questions.
					if !apierrors.IsNotFound(err) {
						failed = errors.Join(failed, fmt.Errorf("%s: %w", resource.Resource, err))
					}
					return
				}
				for _, item := range items.Items {
					found[object{resource, item.Namespace, item.Name}] = item
				}
			})
		}
	}
	group.Wait()
	return found, failed
}
