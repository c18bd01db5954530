"""What a node does, as plain functions on the graph's wires: no schemas, no page. Scripts and benches call these."""
