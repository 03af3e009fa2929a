"""What the matrix does not reach, and why that is no hole. Each line is checked: a name that the
matrix reaches, or that is gone, fails the suite.
"""

_BACKUP = "a backup is killed at each of its steps in tests/dicom_node/backup"
_HTTP = "the same archive and queue by another door; tests/dicom_node/web"
_ASKING = "what is asked or fetched is asked again from the row; tests/dicom_node/rules"
_ANSWERS = "an answer that the scenes' PACS does not give; tests/dicom_node/destination"
_REPORTS = "an answer that the scenes' modality does not give; tests/dicom_node/association"
_DAILY = "one DELETE of rows that nobody reads any more; done again the next day"
_NOTES = "killed at every step of taking a series back in tests/dicom_node/notes"
_MODELS = "a model put in its place as a whole, or one row; tests/dicom_node/cli/test_models.py"
_COHORT = "a dataset for learning is killed on its way in tests/dicom_node/cohort"
_DRAW = "who draws is killed on his way in tests/flow/test_draw.py"
_CUT = "each kill of the matrix cuts off who sends; written by one transaction of the next start"
_INGEST = "the same archive by another door; tests/dicom_node/cli"
_NO_STATE = "changes no study, job or delivery; one statement, there or not"

SITES = {
    "app.clock:SetBack.tick": "one transaction; killed before it, the next start makes it",
    "app.decide:_copy": "copies out for a person; a half copy has no name, and the command says so",
    "app.decide:export_held": _NO_STATE,
    "app.pulse:Pulse.end": _NO_STATE,
    "app.pulse:Pulse.tick": _NO_STATE,
    "archive.files:Files.discard_unfinished": "runs after each kill of the matrix",
    "archive.files:Files.remove": "of a file that no row names; else the next sweep takes it",
    "archive.keep:Archive._settle_difference": "other content under a known UID; test_keep.py",
    "archive.query.fill:HeaderFiller._fill": "what an older version has left; test_upgrade.py",
    "archive.upkeep.erase:Eraser._put_back": "of a file that came again; test_erase.py kills there",
    "archive.upkeep.erase:Eraser.rescue": "of a file that came again; test_erase.py kills there",
    "archive.upkeep.hold:kept_whole": _BACKUP,
    "archive.upkeep.sweep:_move": "of a file without a row; a clean flow leaves none",
    "archive.upkeep.sweep:_move_aside": "of a file without a row; a clean flow leaves none",
    "association.commitment.report:PromiseStage._forget": _DAILY,
    "association.commitment.report:PromiseStage._later": _REPORTS,
    "audit.journal.journal:Journal.drop": "old files of the trail; tests/dicom_node/audit",
    "audit.journal.recover:_set_apart": "a torn end of the trail; tests/dicom_node/audit",
    "audit.syslog.position:Position.write": "how far a receiver is; tests/dicom_node/audit",
    "backup.listing:Listing.write": _BACKUP,
    "backup.restore:_begin": _BACKUP,
    "backup.restore:_fill": _BACKUP,
    "backup.restore:_finish": _BACKUP,
    "backup.restore:_write": _BACKUP,
    "backup.take:_database": _BACKUP,
    "backup.take:take": _BACKUP,
    "backup.target:_Folder._within": _BACKUP,
    "backup.target:_Folder.finish": _BACKUP,
    "backup.target:_Folder.link": _BACKUP,
    "backup.target:_Folder.put": _BACKUP,
    "backup.target:_Tar.finish": _BACKUP,
    "backup.target:_folder": _BACKUP,
    "backup.target:_only": _BACKUP,
    "backup.target:_work": _BACKUP,
    "cli.ingest:_Adding.close": _INGEST,
    "cli.models.adding:_copied": _MODELS,
    "cli.models.signing:_keep": _MODELS,
    "cli.models.switching:activate": _MODELS,
    "cli.models.switching:rollback": _MODELS,
    "cli.upkeep.tokens:create": _NO_STATE,
    "cli.upkeep.tokens:revoke": _NO_STATE,
    "cohort.write:_Writer._write": _COHORT,
    "cohort.write:_Writer.write": _COHORT,
    "cohort.write:_only_one": _COHORT,
    "cohort.write:_put": _COHORT,
    "destination.receipt.stage:ReceiptStage._cannot_count": _ANSWERS,
    "draws.store:Drawn._set": _DRAW,
    "draws.store:Drawn.forget": "rows first; files that stay are swept by the next draw",
    "draws.store:Drawn.keep": _DRAW,
    "draws.store:Drawn.only_one": "a lock of a process; it goes with it",
    "destination.receipt.stage:ReceiptStage._later": _ANSWERS,
    "destination.receipt.stage:ReceiptStage._next": _ANSWERS,
    "destination.receipt.stage:ReceiptStage._refused": _ANSWERS,
    "installation:only_one": "a lock of a process; it goes with it",
    "notes.stage:NotesStage._later": _NOTES,
    "rules.ask:AskStage._unanswered": _ASKING,
    "rules.stage:RulesStage._put_off": "after a bug; the study is planned again all the same",
    "signature:sign": _MODELS,
    "web.store.reception:Reception.close": _HTTP,
    "worker.golden:_begun": _MODELS,
    "worker.golden:record": _MODELS,
    "worker.remake:keep": "copies out for a person; a half copy has no name",
    "worker.stage:WorkerStage._renew": "a lease made longer; without it another takes the job",
    "worker.stage:WorkerStage._run": "a job handed back at a stop; tests/dicom_node/worker",
}

STATES = {
    "draw.state=drawing": _DRAW,
    "draw.state=failed": _DRAW,
    "draw.state=here": _DRAW,
    "draw.state=looked_at": _DRAW,
    "association.ended=aborted": _CUT,
    "association.ended=lost": _CUT,
    "instance.origin=ingested": _INGEST,
    "process.kind=listener": _NO_STATE,
    "process.kind=web": _NO_STATE,
    "process.kind=worker": _NO_STATE,
    "study.interrupted=yes": _CUT,
    "token.revoked_at": _NO_STATE,
}
