//! Measuring programs of the workspace.
