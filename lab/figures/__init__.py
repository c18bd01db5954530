"""Contact sheets, curves and small JPEGs, which reports, demos and documents all show. Needs Pillow."""
