namespace Ssb.Conn;

/// <summary>One process at a time has a folder's address book: a lock on <c>conn.lock</c> in it, which ends with the process.</summary>
/// <remarks>JavaScript peers know nothing of it.</remarks>
internal sealed class FolderLock : IDisposable
{
    private const string FileName = "conn.lock";
    private const int ReadOnlyFileSystem = 30; // EROFS, the same number on Linux and macOS

    private readonly FileStream _file;

    private FolderLock(FileStream file) => _file = file;

    /// <returns>null if the folder is read-only, where no lock is needed.</returns>
    /// <exception cref="IOException">Another process, or another instance of this one, has it.</exception>
    public static FolderLock? Take(string folder)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return new FolderLock(file);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || e.HResult == ReadOnlyFileSystem)
        {
            return null;
        }
        catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException) && File.Exists(path))
        {
            throw new IOException($"The address book in '{folder}' is in use: another process has it open. End that one, or use another folder.", e);
        }
    }

    // The file stays: to delete it would race with the next who takes it.
    public void Dispose() => _file.Dispose();
}
