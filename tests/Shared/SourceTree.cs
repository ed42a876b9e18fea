namespace Ssb.Conn.Tests.Shared;

/// <summary>The source tree that the running tests were built in.</summary>
internal static class SourceTree
{
    /// <summary>The folder that holds the solution, or null if the tests were copied out of the tree.</summary>
    public static string? Folder { get; } = Find();

    private static string? Find()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Ssb.Conn.slnx")))
            folder = Path.GetDirectoryName(folder);
        return folder;
    }
}
