"""Master data of a hospital: unit, points, catalogues, persons under special protection."""
