"""All promises, in the order of docs/reliability.md."""

from __future__ import annotations

from faults.promise import Promise
from faults.promises_of_files import OF_FILES
from faults.record import fuzzed_in_words

PROMISES = (
    Promise(
        "A training or a comparison that is ended is resumed to the same files",
        "SIGKILL at random moments, on the disk and on a file system in memory; SIGTERM, SIGINT and SIGHUP at random "
        "moments, one in five sent twice; half of the trainings save their state after each step. Then `--resume`: "
        "`metrics.json`, `images.csv` and `best.safetensors` have the bytes of a training that was not ended, and no "
        "temporary file is left. The moments are drawn from all the work of a command, with its validation, its test "
        "and its report, and one that comes after the end is drawn again",
        (
            "faults/test_ends.py::test_a_killed_training_is_resumed_to_the_same_files",
            "faults/test_ends.py::test_on_a_file_system_in_memory_too",
            "faults/test_ends.py::test_a_training_that_is_asked_to_end_is_resumed_to_the_same_files",
            "faults/test_ends.py::test_an_ended_comparison_is_resumed_to_the_same_files",
            "faults/test_ends.py::test_a_training_that_a_shell_started_is_resumed_to_the_same_files",
            "training/test_saving.py::test_a_killed_training_ends_as_if_it_had_not_been",
        ),
        "On a GPU, operations that are not deterministic may differ. Most of these commands are forked from a process "
        "that has imported PyTorch already; the last but one of the tests has the moments of the imports too",
        "from the signal to the end of the process 0.1 s in the median and 0.5 s at most, of 298 that were asked to "
        "end (commit b5fd676); a step of a large network, or the image that is scored, is finished first. Two "
        "comparisons printed a traceback, as Python drops what a handler raises in the callback of a weak reference, "
        "of which Matplotlib has many. Fixed since, as two others of the run before: NumPy makes an error of its own "
        "of what a handler raises while it compares records, and a second SIGINT came while the interpreter ended. "
        "After the fix (commit 8f982c2) 150 of 150 comparisons that got SIGINT, SIGTERM or SIGHUP printed none",
    ),
    Promise(
        "A signal costs no finished step, and a second one stops at once",
        "SIGTERM in each step of a training, of each model, with and without workers; SIGINT and SIGTERM twice in one "
        "step; SIGTERM in the validation and in the test",
        (
            "faults/test_every_step.py::test_a_training_is_resumed_from_each_step",
            "commands/test_signals.py::test_no_finished_step_is_taken_again",
            "commands/test_signals.py::test_a_second_signal_stops_at_once_and_nothing_more_is_saved",
            "commands/test_train.py::test_stopped_by_a_signal_and_resumed_ends_in_the_same_bits",
            "commands/test_train.py::test_stopped_while_scoring_and_resumed_ends_in_the_same_bits",
            "commands/test_jobs.py::test_a_signal_saves_all_and_resuming_gives_the_same_bits",
            "commands/test_signals.py::test_a_signal_that_python_drops_is_sent_again",
        ),
        "After a second signal the steps since the last state, which is saved once a minute, are taken again",
        "each of the four steps of a training, with 0 and 2 workers; each was resumed to equal bytes",
    ),
    Promise(
        "A file is whole or absent",
        "An error, a full disk and SIGKILL while it is written: the old file stays",
        (
            "test_files.py::test_an_error_inside_leaves_the_old_file_and_no_temporary_one",
            "test_files.py::test_on_a_full_disk_the_old_file_stays",
        ),
    ),
    Promise(
        "On a full, broken, vanished or read-only disk a command ends with one message, and no file is half written",
        "ENOSPC, EIO, ESTALE and EROFS at the making of each folder, and at the opening, a write, fsync and the "
        "renaming of each file of `train`, `report`, `predict`, `evaluate`, `export --format huggingface` and "
        "`synth`; one of them at each of those of `compare`. Of files of one kind, e.g. figures, the first is tried. "
        "A disk that is full after each of 40 sizes of a training, and one that is unmounted in it. The message names "
        "the file, the free space and "
        "what the file needs; `--resume` ends with the same files",
        (
            "faults/test_failing_disk.py::test_a_failing_operation_is_one_message",
            "faults/test_failing_disk.py::test_every_failing_operation_is_one_message",
            "faults/test_failing_disk.py::test_no_part_of_an_exported_file_is_left",
            "faults/test_failing_disk.py::test_a_training_on_a_full_disk_is_resumed_to_the_same_files",
            "faults/test_failing_disk.py::test_at_every_size_a_full_disk_is_resumed_to_the_same_files",
            "faults/test_surroundings.py::test_a_real_disk_that_is_full_is_resumed_to_the_same_files",
            "faults/test_surroundings.py::test_a_disk_that_is_unmounted_while_it_is_written_is_one_message",
        ),
        "The errors are injected in `segarena.files`; what a library writes by itself, e.g. a video, is not tried. "
        "The page while trainings run is optional: where it cannot be written there is a warning, and the trainings "
        "go on",
        "949 of 949 errors were one message: each of the four at 56 operations of `train`, 42 of `report`, 39 of "
        "`predict`, 31 of `synth`, 15 of `export` and 13 of `evaluate`, and one of them at 165 of `compare`",
    ),
    Promise(
        "On a folder that is as slow as one on a busy network, commands give the same files",
        "Each opening, listing, renaming and making of a file in the folder of the data, the run and the cache takes "
        "0.3 s longer, for `train` with two loader processes, `predict` and `evaluate`; SIGTERM and SIGKILL at random "
        "moments of a training there, with 0.2 s. And how often a file is opened is counted",
        (
            "faults/test_slow_folder.py::test_on_a_slow_folder_the_results_are_the_same",
            "faults/test_slow_folder.py::test_ended_on_a_slow_folder_it_is_resumed_to_the_same_files",
            "faults/test_slow_folder.py::test_files_are_opened_no_more_often_than_needed",
        ),
        "Single reads and writes are not slower, nor is what SQLite and safetensors open by themselves. A file server "
        "that does not answer at all is not tried: a loader process that reads nothing for 30 s counts as hung",
        "10 of 10 trainings that were ended, five by each signal, were resumed to the same bytes. "
        "`predict` opens an image three times, for its first bytes, its header and its content; until commit 19d9249 "
        "it was five times, two of them for its content, and a folder was asked for before each file that is written",
    ),
    Promise(
        "A folder that is removed while it is written is named, and not made again",
        "The folder of a training, of a comparison, or of one of its runs is removed or replaced",
        (
            "commands/test_lost_folder.py::test_a_removed_folder_is_not_made_again",
            "test_files.py::test_nothing_is_written_into_a_kept_folder_that_was_removed",
        ),
    ),
    Promise(
        "No flipped bit changes a label unnoticed",
        "Each bit of PNG masks in six pixel formats, and each bit of the pixels of TIFF with Deflate, is flipped",
        (
            "image_files/test_flipped_bits.py::test_flipped_bits_of_a_png_change_no_label",
            "image_files/test_flipped_bits.py::test_flipped_bits_in_deflated_tiff_change_no_label",
        ),
        "BMP, GIF, JPEG, WebP, and TIFF with other compressions have no checksums; nor have the headers of TIFF",
        "of 6,368 flipped bits in PNG masks 6,350 are refused, and the others change no label. Without the comparison "
        "of checksums 134 changed labels",
    ),
    *OF_FILES,
    Promise(
        "A file that changes while it is trained on is named, and the state is saved",
        "Masks are replaced by others of the same size, images are deleted, after the first step",
        (
            "commands/test_lost_input.py::test_a_file_that_changes_is_named_and_the_state_is_saved",
            "commands/test_lost_input.py::test_other_content_of_the_same_size_is_noticed",
        ),
        "Images that are kept in memory or in the disk cache are not read again, and stay those of the beginning",
    ),
    Promise(
        "A loader process that is killed or hangs is one message; the state is saved, and resuming works",
        "SIGKILL and SIGSTOP in a worker, one that sleeps, and one in an endless loop",
        ("commands/test_lost_input.py::test_a_killed_or_hung_worker_ends_the_training_with_one_message",),
        "A worker counts as hung after 30 seconds in which none has computed or read anything, and after two minutes "
        "without a batch: a large image and a slow network drive are no faults. Only Linux reports what a process does",
    ),
    Promise(
        "A training with loader processes ends, and so do they",
        "Its last epoch, and SIGTERM for the main process alone, as from `kill` or `docker stop`; a worker that hangs",
        (
            "commands/test_workers_end.py::test_a_training_ends_with_its_workers",
            "commands/test_workers_end.py::test_a_trainer_is_gone_when_its_training_is",
            "loading/test_processes.py::test_a_closed_loader_has_no_workers_and_begins_with_new_ones",
        ),
        measured="from commit 69f8e13 to bda12ce each training with `--workers 2` wrote its files and its last line, "
        "and then waited for its workers without end, since a cycle of references kept them; one that was ended by "
        "SIGTERM did so even before",
    ),
    Promise(
        "Processes that train one network with torchrun: the loss of one costs no saved step with `--max-restarts`",
        "SIGKILL in one of two processes at a random step; SIGSTOP in one",
        (
            "training/test_torchrun.py::test_processes_lost_at_random_are_survived",
            "training/test_torchrun.py::test_a_lost_process_costs_no_saved_step",
        ),
        "The loss of a whole machine was not tried",
        "17 to 20 s for each training with its loss and resumption",
    ),
    Promise(
        "A Ray cluster whose first machine is lost is one message, with the command that resumes",
        "Nothing listens at its address any more",
        (
            "experiment/test_ray_head.py::test_a_first_machine_that_is_lost_is_named_soon",
            "experiment/test_ray_head.py::test_the_message_has_the_command_that_resumes",
        ),
        "Ray itself ends the process after a minute where the machine is lost in the moment in which it is asked",
        "A real cluster of two nodes, by hand: 17 s after SIGKILL of its GCS, 9 s after that of the whole first node",
    ),
    Promise(
        "A step whose loss or gradient is NaN or infinite changes nothing, and is counted",
        "A gradient and a running statistic become NaN or infinite; a learning rate that overflows all weights",
        (
            "training/test_skipped_steps.py::test_a_step_with_a_gradient_that_is_not_finite_changes_nothing",
            "training/test_skipped_steps.py::test_unchecked_steps_since_the_last_state_are_repeated",
            "training/test_skipped_steps.py::test_a_learning_rate_that_overflows_the_weights_is_an_error",
            "commands/test_failed_models.py::test_a_loss_that_is_nan_twice_is_the_models_own",
            "reporting/test_report_words.py::test_steps_that_were_left_out_are_a_caveat",
        ),
        "With float16 the scaling of gradients leaves out steps by itself; these are not counted",
    ),
    Promise(
        "A training that runs out of memory goes on in smaller parts with the same batch, or has one message",
        "PyTorch's error in the first and the second part of a step, in validation and in the latency; a process that "
        "may take 600, 300, 100 or 1 MiB more than it has when the first step of 16 images begins",
        (
            "training/test_smaller_parts.py::test_a_step_that_did_not_fit_is_the_step_in_parts",
            "training/test_smaller_parts.py::test_a_training_goes_on_in_smaller_parts_and_reports_it",
            "training/test_smaller_parts.py::test_a_resumed_training_stays_with_the_smaller_parts",
            "training/test_smaller_parts.py::test_where_two_images_do_not_fit_the_message_has_what_does",
            "experiment/test_shortage.py::test_the_remedy_resumes_the_training",
            "experiment/test_shortage.py::test_a_shortage_anywhere_else_is_a_message_too",
            "training/test_smaller_parts.py::test_an_evaluation_that_does_not_fit_labels_fewer_images_at_a_time",
            "faults/test_out_of_memory.py::test_a_training_without_memory_goes_on_or_has_one_message",
        ),
        "The trials of `--tune` and a training of several processes end with the message. Linux ends a process by "
        "SIGKILL where the memory of the machine is used up, and oneDNN was seen to end it by SIGSEGV where it got no "
        "memory: no program can go on then; it is resumed",
    ),
    Promise(
        "A state or a configuration that is damaged is one message, and no file is changed",
        "Twelve wrong forms of `last/state.pt`, a pickle with an object, five of `config.json`",
        (
            "commands/test_damaged_state.py::test_each_wrong_state_is_refused",
            "commands/test_damaged_state.py::test_a_run_without_its_costs_and_with_a_wrong_state_is_refused",
            "commands/test_damaged_state.py::test_a_configuration_of_a_wrong_shape_is_refused",
        ),
    ),
    Promise(
        "Files of earlier versions are read, or refused with what to do",
        "The files of comparisons of three earlier versions: without `schema`, of the first schemas, and of the first "
        "version with the present ones; one of each kind of file that came later. `report`, `load`, `--resume` change "
        "nothing of what they refuse",
        (
            "records/test_old_runs.py::test_each_file_of_a_run_is_read",
            "records/test_old_runs.py::test_the_files_of_a_comparison_are_read",
            "records/test_old_runs.py::test_what_cannot_be_read_is_refused_with_what_to_do",
            "records/test_old_runs.py::test_commands_refuse_old_folders_and_change_nothing",
            "records/test_old_runs.py::test_each_later_file_is_read",
            "records/test_old_runs.py::test_each_kind_of_file_is_there",
            "records/test_old_runs.py::test_a_newer_schema_is_refused",
        ),
    ),
    Promise(
        "One command at a time writes into a folder, and the lock ends with it",
        "A second process, a forked process that outlives the command, a file system without locks",
        (
            "faults/test_surroundings.py::test_of_two_commands_in_a_folder_one_is_refused",
            "test_runs.py::test_a_lock_ends_with_its_process",
            "test_runs.py::test_a_process_that_was_forked_does_not_keep_the_lock",
            "test_runs.py::test_a_file_system_without_locks_is_used_all_the_same",
        ),
        "On a file system without locks, a warning is all that there is",
        "50 pairs of commands, started 0, 0.01, 0.1 or 0.5 s apart",
    ),
    Promise(
        "Hostile text files cost no time and no memory",
        "Nested aliases in `classes.yaml`, a pipe in its place or among annotations, a panoptic PNG outside of the "
        "folder, PostScript called `.png`, JSON whose content does not fit into memory",
        (
            "test_class_table.py::test_aliases_of_lists_are_refused_and_those_of_words_read",
            "test_class_table.py::test_a_pipe_in_place_of_the_file_is_not_waited_for",
            "converters/test_converters_coco.py::test_a_panoptic_png_outside_of_the_folder_is_not_read",
            "image_files/test_flipped_bits.py::test_postscript_called_png_is_not_decoded",
            "data/test_large_annotations.py::test_json_that_would_not_fit_into_memory_is_not_read",
            "data/test_large_annotations.py::test_pipes_among_annotations_are_not_opened",
        ),
    ),
    Promise(
        "A comparison does not begin on a disk that is too small for it",
        "Less free space than the weights and states of all trainings will take; where there is room for the weights "
        "only, the states of finished trainings are deleted, as with `--keep-states 0`, and nothing that a resumption "
        "reads",
        (
            "experiment/test_disk_space.py::test_a_comparison_does_not_begin_on_a_disk_that_is_too_small",
            "experiment/test_disk_space.py::test_what_is_there_already_is_not_needed_again",
            "experiment/test_disk_space.py::test_the_space_counts_the_states_that_are_kept",
            "experiment/test_kept_states.py::test_the_last_states_of_finished_trainings_are_kept",
            "experiment/test_kept_states.py::test_a_comparison_keeps_as_many_states_as_are_asked_for",
        ),
        "Trainings of fewer than 40 steps are not measured, nor are the pictures of the page",
    ),
    Promise(
        "A damaged text file is read, or refused within five seconds",
        "Pieces are removed, repeated or replaced, in `classes.yaml`, lists of splits and of VOC, names and tables of "
        "classes, COCO, CVAT and LabelMe, with run lengths too, and in twelve kinds of files of YOLO, VIA, "
        "Supervisely, Label Studio, QuPath and Kaggle. What is read is drawn, in 1 GiB at most",
        (
            "faults/test_parsers.py::test_a_damaged_text_file_is_read_or_refused",
            "faults/test_parsers.py::test_many_damaged_text_files_are_read_or_refused",
        ),
        "",
        "115,000 damaged files, 5,000 of each of 23 kinds (commit c2efbb9): each was read or refused. So was what "
        f"`make fuzz` tried, which goes on from files that ran new code, in processor time: {fuzzed_in_words()}",
    ),
    Promise(
        "Strange surroundings give the same files, or one message",
        "No HOME, one that cannot be made or written, no folder for temporary files, ASCII and unknown locales, one "
        "core, umask 077, no network, one that breaks off, no `/dev/shm`, 64 open files, names of 200 characters and "
        "with line ends, closed and full output, a clock that is set back",
        (
            "faults/test_surroundings.py::test_a_training_ends_as_in_usual_surroundings",
            "faults/test_surroundings.py::test_a_folder_of_any_name_is_used",
            "faults/test_surroundings.py::test_a_name_that_is_not_utf8_is_one_message",
            "faults/test_surroundings.py::test_without_a_network_a_download_is_one_message",
            "models/test_encoder_weights.py::test_a_download_that_breaks_off_leaves_nothing",
            "faults/test_surroundings.py::test_a_reader_that_closes_its_pipe_ends_nothing",
            "test_pipes.py::test_a_reader_that_has_gone_ends_a_command_as_other_programs",
            "test_pipes.py::test_a_full_device_is_one_message",
            "test_pipes.py::test_closed_streams_and_full_devices_leave_the_status_as_it_is",
            "test_streams.py::test_check_and_its_errors_are_printed_in_any_encoding",
            "commands/test_signals.py::test_a_clock_that_is_set_back_changes_nothing",
        ),
        "For root no folder is read-only",
        "14 trainings, from no HOME to 64 open files, and 5 in folders with strange names had the files of a usual "
        "one. The pipe was closed before the training began, when a command ends as other programs do; the test waits "
        "now, and passed (commit 8f982c2)",
    ),
    Promise(
        "A damaged cache is made again",
        "Empty, cut and unwritable files in Numba's cache; entries of the cache of images that are cut, of other "
        "numbers, pipes or folders; four trainings with one small cache",
        (
            "kernels/test_loops.py::test_a_damaged_cache_is_compiled_again",
            "loading/test_disk_cache.py::test_a_damaged_file_is_decoded_again_and_replaced",
            "loading/test_disk_cache.py::test_pipes_and_folders_are_not_entries",
            "faults/test_surroundings.py::test_four_processes_share_a_cache",
        ),
        "Each process that writes at the same time may exceed the size of the cache by a sixteenth",
    ),
    Promise(
        "No dependency has an unknown licence",
        "The metadata of all packages of the locks, in [Licences](licenses.md)",
        ("test_licenses_page.py::test_no_package_has_an_unknown_licence",),
        "Known vulnerabilities were not asked for: that needs a network. Licences has the command, which a workflow "
        "runs every week",
    ),
)
