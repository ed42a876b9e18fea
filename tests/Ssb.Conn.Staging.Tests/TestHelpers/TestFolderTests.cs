namespace Ssb.Conn.Staging.Tests.TestHelpers;

public class TestFolderTests
{
    [Fact]
    public async Task Delete_FileIsOpenForAWhile_WaitsForIt()
    {
        string folder = Directory.CreateTempSubdirectory("ssb-conn-").FullName;
        FileStream open = File.Create(Path.Combine(folder, "open"));
        Task deleting = Task.Run(() => TestFolder.Delete(folder), TestContext.Current.CancellationToken);
        await open.DisposeAsync(); // on Windows the folder cannot be deleted before

        await deleting.Guarded();
        Assert.False(Directory.Exists(folder));
        Assert.Empty(Disposal.TakeFailures());
    }

    [Fact]
    public void Delete_CannotBe_IsKeptAndNamesTheFolder()
    {
        string file = Path.GetTempFileName(); // which is no folder
        try
        {
            TestFolder.Delete(file, TimeProvider.System, TimeSpan.Zero);

            IOException failure = Assert.IsType<IOException>(Assert.Single(Disposal.TakeFailures()));
            Assert.Contains(file, failure.Message, StringComparison.Ordinal);
            Assert.NotNull(failure.InnerException);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Delete_IsGone_IsNoFailure()
    {
        TestFolder.Delete(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()));
        Assert.Empty(Disposal.TakeFailures());
    }
}
