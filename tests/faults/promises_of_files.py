"""What is promised of image files and others that are damaged, or made to do harm."""

from __future__ import annotations

from faults.promise import Promise

OF_FILES = (
    Promise(
        "A damaged image or mask is read or refused, soon and in little memory",
        "Bits, lengths, headers, the order of parts and the end are damaged in 78 files: PNG, JPEG, TIFF, BMP, "
        "GIF, WebP, "
        "PPM, JPEG 2000, AVIF, TGA, PCX, NPY, NPZ and MAT, in the pixel formats and compressions of each",
        (
            "faults/test_damaged_images.py::test_a_damaged_image_is_read_or_refused",
            "faults/test_damaged_images.py::test_many_damaged_images_are_read_or_refused",
            "faults/test_damaged_images.py::test_a_png_whose_palette_is_not_before_its_pixels_is_damaged",
            "faults/test_damaged_images.py::test_a_tiff_without_some_of_its_strips_is_damaged",
        ),
        "Where a format has no checksum, damaged pixels are other pixels; all other formats than PNG, NPZ "
        "and compressed "
        "MAT have labels without one. Masks that are cut off are refused but for PCX with a palette and one "
        "place in JPEG "
        "2000. libtiff prints what it finds by itself",
        "23,400 damaged files, 300 of each of 78 kinds (commit b5fd676): no other error than a refusal, none above 5 s "
        "or 1 GiB. 16,246 were refused, 1,997 read as before and 5,157 with other labels: none of PNG, NPZ and packed "
        "MAT, 913 of TIFF, 861 of PPM, 794 of BMP, 693 of TGA, 424 of NPY, 403 of JPEG, 285 of PCX, 280 of MAT, 181 of "
        "WebP, 180 of DIB, 125 of GIF, 18 of AVIF. Fixed on the way: a MAT without compression ended the process by "
        "SIGSEGV in SciPy, which does not check the type of the numbers. It is checked before since",
    ),
    Promise(
        "A small file takes little memory, however large it is unpacked",
        "40 x 2,097,200 pixels in a TIFF of 119 kB; strips, arrays and comments that unpack to more than they state; "
        "headers of any size; files that are decoded at the same time",
        (
            "image_files/test_row_bands.py::test_a_small_file_of_84_million_pixels_takes_little_memory",
            "image_files/test_row_bands.py::test_files_that_are_decoded_at_the_same_time_share_the_memory",
            "image_files/test_row_bands.py::test_bands_change_nothing_that_is_read",
            "image_files/test_unpacked_size.py::test_a_strip_that_unpacks_to_more_than_its_pixels_is_refused",
            "image_files/test_unpacked_size.py::test_bands_that_no_memory_holds_are_refused_by_their_number",
            "image_files/test_unpacked_size.py::test_an_array_that_no_memory_holds_is_refused_by_its_number",
        ),
        "An image is decoded up to Pillow's limit of 89 million pixels, an array up to 1.1 GB, bands up to 4 GB. Files "
        "are decoded at the same time in `check` up to an estimate of 1.1 GB; a training keeps to its own "
        "limits. An image "
        "of 88 million pixels with three times 16 bits took 1.6 GB",
        "the TIFF of 84 million pixels: as a mask 187 MiB (256 before), as an image 446 (908), with its own "
        "channels 289 "
        "(804)",
    ),
    Promise(
        "A file that was made to do harm is refused with one message, or harmless",
        "69 files: bombs of images, arrays and archives, pickles as arrays, weights and states, YAML that "
        "calls, entities "
        "in XML, nested JSON, run lengths of 10**12 pixels, paths outside of the folder, other formats called "
        "PNG; each "
        "within 5 s and 512 MiB. Names that would control the terminal",
        (
            "faults/test_hostile_files.py::test_a_hostile_file_is_refused_with_one_message",
            "faults/test_hostile_files.py::test_a_hostile_file_is_harmless",
            "faults/test_hostile_files.py::test_hostile_weights_are_refused_with_one_message",
            "faults/test_hostile_files.py::test_control_characters_of_a_name_do_not_reach_the_terminal",
            "exporting/test_onnx_bytes.py::test_files_outside_the_folder_are_refused",
            "reporting/test_report_page.py::test_names_from_users_are_text_and_never_markup",
        ),
        "Names in tables on the terminal, and in progress bars, are shown as they are",
    ),
)
